"""The command line: the only place where everything meets, and the only one that reads the environment or prints."""

import gc

# Before everything else is imported. Modules and twenty thousand tags are as many values and no cycle: looking for
# one after every 700 of them costs a tenth of the time.
gc.set_threshold(100_000, 50, 50)
