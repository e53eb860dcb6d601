"""What is known about titles before anybody watches them, and which of them may be listed.

==================  =================================================================================
`catalog`           `Catalog`: guards by window, country and maturity; holds all below
`business_rules`    boosts, buries, exclusions and pins of editors
`title_tags`        tags of titles as numbers
`title_facts`       names, series, durations, times of availability
`languages`         languages of page texts
==================  =================================================================================
"""
