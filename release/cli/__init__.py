"""The command line: parses options, calls use cases and prints. No other package prints or reads
`os.environ`: others are given `env`.
"""

import gc

# Set before the other imports, which allocate most. Modules and up to twenty thousand git tags are objects that form
# no reference cycles, and CPython's default, a search for cycles after every 700 allocations, took a tenth of a
# command's time. The two values of 50 make searches through older objects, which find nothing either, rare as well.
gc.set_threshold(100_000, 50, 50)
