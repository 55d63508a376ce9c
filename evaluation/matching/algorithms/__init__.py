"""The matching and weighting methods, one file each; ``registry`` names them.

In: a checked ``Problem``. Out: a ``Weighted``: weights, sets, pairs and the reason of every loss.
Must never see an outcome.
"""
