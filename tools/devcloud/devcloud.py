#!/usr/bin/env python3
"""Bring a small real OpenStack up and down; README.rst beside this file tells how to use it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tools.devcloud import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
