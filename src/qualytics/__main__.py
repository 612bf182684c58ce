"""`python -m qualytics`: the same as the console script."""

import sys

from qualytics.cli import main

sys.exit(main())
