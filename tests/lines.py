"""Lines of events, held against their schema."""

from functools import cache

from jsonschema import Draft202012Validator

from importer.report.events import schema


@cache
def validator():
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def check(line):
    """Raises when the line is none that the schema allows."""
    validator().validate(line)
