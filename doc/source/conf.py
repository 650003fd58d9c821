"""How Sphinx builds the documentation."""

from masakari_lite.version import RELEASE

project = "masakari-lite"
copyright = "masakari-lite contributors"
release = version = RELEASE
extensions = [
    "openstackdocstheme",
    "oslo_config.sphinxext",
    "cliff.sphinxext",
    "reno.sphinxext",
]
html_theme = "openstackdocs"
html_static_path = ["_static"]
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = ""
openstackdocs_use_storyboard = False
autoprogram_cliff_application = "masakari-lite"
exclude_patterns = []
man_pages = [
    ("reference/cli", "masakari-lite", "the operator's tool of masakari-lite", [], 1),
    ("reference/engine", "masakari-lite-engine", "the engine of masakari-lite", [], 8),
    ("reference/manage", "masakari-lite-manage", "manages the journal of masakari-lite", [], 8),
]
