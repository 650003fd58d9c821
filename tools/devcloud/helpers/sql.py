"""Run the statements on standard input on the database server at argv[1]; prints rows, tabs between columns.

Runs in the cloud's virtualenv, which has the driver.
"""

import sys
import urllib.parse

import pymysql


def main() -> None:
    """Run the statements, one a line."""
    url = urllib.parse.urlsplit(sys.argv[1])
    connection = pymysql.connect(
        host=url.hostname or "127.0.0.1",
        port=url.port or 3306,
        user=urllib.parse.unquote(url.username or ""),
        password=urllib.parse.unquote(url.password or ""),
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        for statement in filter(None, map(str.strip, sys.stdin)):
            cursor.execute(statement)
            for row in cursor.fetchall():
                print(*row, sep="\t")


if __name__ == "__main__":
    main()
