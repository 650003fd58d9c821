"""The tree of errors is what its module's docstring draws."""

import inspect
import re

from masakari_lite import exceptions


def drawn_tree():
    """Yield each class that is drawn and the one above it."""
    path = []
    for line in exceptions.__doc__.splitlines():
        if not (found := re.match(r"    ((?:[│├└─ ]{4})*)([A-Z]\w+)", line)):
            continue
        depth = len(found[1]) // 4
        path[depth:] = [found[2]]
        yield found[2], path[depth - 1] if depth else "Exception"


def test_every_class_is_drawn_where_it_is():
    classes = {
        name: kind
        for name, kind in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(kind, Exception)
    }
    assert dict(drawn_tree()) == {name: kind.__bases__[0].__name__ for name, kind in classes.items()}


def test_every_class_says_when_it_is_raised():
    for name, kind in inspect.getmembers(exceptions, inspect.isclass):
        assert kind.__doc__, name


def test_what_is_drawn_as_retriable_is():
    drawn = re.findall(r"(\w+)  .*\(Retriable\)", exceptions.__doc__)
    assert drawn
    marked = [
        name
        for name, kind in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(kind, exceptions.Retriable) and kind is not exceptions.Retriable
    ]
    assert sorted(drawn) == sorted(marked)
