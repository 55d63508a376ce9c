"""What methods share: layouts, compiled kernels, solvers and their checks on arrays.

In: arrays. Out: arrays. Must never know a frame's column names beyond what messages show.
"""
