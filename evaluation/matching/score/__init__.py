"""The propensity score: a design held as numbers and codes, fitted by Newton's method.

In: covariates, arms, frequency weights. Out: a fitted score and what variances need of it. Must
never see an outcome.
"""
