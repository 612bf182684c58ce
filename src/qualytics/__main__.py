"""`qualytics` and `python -m qualytics`: the command, with modules looked for where they belong."""

import sys

from qualytics import hiding, module_path

module_path.settle()
hiding.hide_command()
# Where pyarrow finds them it imports both: 400 ms of a process in which no driver runs, and nothing else needs them.
module_path.leave_out("numpy", "pandas")

try:  # only now: the working directory might hold a module of that name, or of click's
    from qualytics.cli import main
except KeyboardInterrupt:  # Ctrl-C before the command has begun: as in `main`, without a traceback
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
