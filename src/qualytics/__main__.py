"""`qualytics` and `python -m qualytics`: the command, with modules looked for where they belong."""

import sys

from qualytics import hiding, module_path

module_path.settle()
hiding.hide_command()

from qualytics.cli import main  # noqa: E402 - the working directory might hold a module of that name, or of click's

if __name__ == "__main__":
    sys.exit(main())
