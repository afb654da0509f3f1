"""A skill to test with."""

from agents.actors import Actor
from agents.models import Skill
from agents.services.skills import create_skill
from agents.skill_folders import folder_of_files


def make_skill(actor: Actor, name: str = "pdf-forms", *, text: str = "# How\n", **files: str) -> Skill:
    """Its SKILL.md with that text; other files by their names, with an underscore for the dot."""
    head = f"---\nname: {name}\ndescription: Fill in PDF forms.\n---\n{text}"
    more = [(f"{name}/{path.replace('_', '.')}", content.encode()) for path, content in files.items()]
    return create_skill(folder_of_files([(f"{name}/SKILL.md", head.encode()), *more]), actor=actor)
