"""PURE: a program of the world as a POSIX shell script that needs nothing but the shell."""

from dreams.demo.world import Family, Program, Quirk, World, program_path

SCRIPT = """\
#!/bin/sh
# {name}: a program of the demo world, generated.
usage() {{
  printf '%s\\n' {usage}
}}
fail() {{
  echo "{name}: $1" >&2
  exit 2
}}
command= file= given= marked=
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
{options}
    -*) fail "E_OPTION: unknown option $1" ;;
    *) if [ -z "$file$command" ] && is_command "$1"; then command=$1; else file=$1; fi ;;
  esac
  shift
done
[ -n "$file" ] || fail "E_USAGE: no file given"
[ -r "$file" ] || fail "E_FILE: cannot read $file"
case "${{file##*.}}:$command$given" in
{cases}
  *) fail "{error}" ;;
esac
sum=0 most= least=
while IFS=';' read -r name value; do
  case $name in +*) [ "$marked" = read ] || continue ;; esac
  sum=$((sum + value))
  if [ -z "$most" ] || [ "$value" -gt "$most" ]; then most=$value; fi
  if [ -z "$least" ] || [ "$value" -lt "$least" ]; then least=$value; fi
done < "$file"
echo "{label} {result}"
"""
RESULTS = {"sum": "$sum", "max": "$most", "min": "$least", "spread": "$((most - least))"}


def program_files(world: World) -> dict[str, str]:
    """The path and text of every program of the world."""
    return {program_path(world, program): script(world, program) for program in world.programs}


def script(world: World, program: Program) -> str:
    families = [family for family in world.families if family.program == program]
    text = SCRIPT.format(
        name=program.name,
        usage=" \\\n    ".join(f"'{line}'" for line in help_lines(program)),
        options="\n".join(_option_cases(program)),
        cases="\n".join(case for family in families for case in _family_cases(family)),
        error=program.error,
        label=program.label,
        result=RESULTS[program.aggregate],
    )
    commands = "|".join(program.commands)
    is_command = f"is_command() {{ case $1 in {commands}) true ;; *) false ;; esac; }}" if commands else ""
    return text.replace("command= file=", f"{is_command or 'is_command() { false; }'}\ncommand= file=", 1)


def help_lines(program: Program) -> list[str]:
    words = [f"{first} {second}" for first in program.help_words for second in program.help_words if first != second]
    lines = [f"usage: {program.name} {'COMMAND ' if program.commands else ''}[OPTION] FILE", ""]
    if program.commands:
        lines += ["commands:", *(f"  {name:<16} {words.pop()}" for name in sorted(program.commands)), ""]
    lines += ["options:"]
    entries = [(flag, words.pop()) for flag in program.flags]
    entries += [(f"{name} WORD", f"one of: {', '.join(values)}") for name, values in program.options]
    lines += [f"  {option:<16} {text}" for option, text in sorted(entries)]
    return [*lines, f"  {'--help':<16} show this text"]


def _option_cases(program: Program) -> list[str]:
    cases = [f'    {"|".join(program.flags)}) given="$given $1" ;;']
    for name, values in program.options:
        cases.append(f"    {name})")
        cases.append(f'      case $2 in {"|".join(values)}) ;; *) fail "E_VALUE: $1 takes one of its words" ;; esac')
        cases.append('      given="$given $1 $2"; shift ;;')
    return cases


def _family_cases(family: Family) -> list[str]:
    plain = f"{family.extension}:{family.command}"
    if family.quirk is Quirk.SILENT:
        return [f'  "{plain} {family.cure[0]}") marked=read ;;', f'  "{plain}"*) ;;']
    if family.quirk is Quirk.COMMAND:
        return [f'  "{family.extension}:{family.cure[0]}") ;;']
    return [f'  "{" ".join((plain, *family.cure))}") ;;']
