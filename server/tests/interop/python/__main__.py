"""Runs all tests beside it, as `python -m unittest discover --verbose` does, and reports to standard output."""

import sys
import unittest

runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2)
unittest.main(module=None, argv=["unittest", "discover"], testRunner=runner)
