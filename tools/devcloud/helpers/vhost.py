"""End with 0 when the broker at argv[1] lets us into the virtual host of that URL.

Runs in the cloud's virtualenv, which has the library.
"""

import sys

import kombu


def main() -> None:
    """Connect and close."""
    url = sys.argv[1].replace("rabbit://", "amqp://", 1)
    with kombu.Connection(url, connect_timeout=5) as connection:
        connection.connect()


if __name__ == "__main__":
    main()
