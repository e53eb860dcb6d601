"""From an event to its effect on a viewer and a title.

=====================  ==================================================================================
`reward_function`      events as feedback signals: the declared reward, and the table of its rules
`interaction_state`    state of a viewer's interaction with a title, and its transitions
`watch_time`           quantiles of watch time among titles of similar length
`impression_counts`    impressions without a play, and choices from lists
`rejections`           recently rejected titles
`saved_titles`         the viewer's own list, and finished titles worth watching again
`devices`              kinds of device
=====================  ==================================================================================
"""
