"""Pages from templates: one file, no network, no script."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(template: str, **values: object) -> str:
    """A template of this package with these values; every text in them is escaped."""
    environment = Environment(
        loader=PackageLoader("audits"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(**values)
