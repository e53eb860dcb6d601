"""Scores into ordered lists.

==================  ===================================================================================
`viewer_side`       the viewers' side: learns a batch, and ranks for the viewers it touched
`lists`             lists of a batch of viewers: from shortlists, or from whole matrices
`scorer`            the score of the blend, and the reason of each title on a list
`shortlist`         lists from few products of vectors
`shared_scores`     the weights of the blend, and the scores that groups of viewers share
`kept_scores`       shared scores of a large catalog, kept from batch to batch
`title_blocks`      which blocks of titles may reach a list
`segment_boost`     boosts for cold-start viewers by country and kind of device
`objectives`        length, completion and satisfaction as objectives of an experiment's arm
`exploration`       the last title of a list, drawn at random
`prequential`       test, then learn
`similar_titles`    titles like one
==================  ===================================================================================
"""
