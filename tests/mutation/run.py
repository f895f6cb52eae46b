"""Changes one formula at a time and looks whether a test notices. README.md beside it says how it is run.

A mutant is compiled and linked beside the build, into a package of its own: sources and build are only read.
"""

import argparse
import contextlib
import fcntl
import importlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from selection import selection, sources

ROOT = Path(__file__).resolve().parents[2]
# ---- Mutants -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    what: str
    start: int
    end: int
    new: str
    near: str  # the type or function it stands in

    @property
    def id(self):
        return f"{self.file}:{self.line} {self.what}"


CALL = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
OPERAND = rf"(?:static_cast<\w+>)?[\w.>:-]*\w(?:\[[^][]*\]|{CALL})*"
SWAPS = {
    " + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " += ": " -= ", " -= ": " += ", " *= ": " /= ",
    " /= ": " *= ", " <= ": " < ", " >= ": " > ", " == ": " != ", " != ": " == ", " && ": " || ", " || ": " && ",
    "true": "false", "false": "true", "fma(": "fnma(", "fnma(": "fma(", "max(": "min(", "min(": "max(",
}  # fmt: skip
RULES = [
    *((rf"(?<!\w){re.escape(a)}" if a[0] != " " else re.escape(a), b) for a, b in SWAPS.items()),
    (r" < ", " <= "),
    (r" < ", " > "),
    (r" > ", " >= "),
    (r" > ", " < "),
    (r" \+= ", " = "),
    (r" [-+*/] " + OPERAND, ""),  # drop a term or factor
    (OPERAND + r" \* ", ""),
    (r"(?<=[=(,?:] )-(?=[\w(])|(?<=[(\[{])-(?=[\w(])|(?<=return )-(?=[\w(])", ""),
    (rf"(?<=if \()(?!const auto)(?:[^;{{}}()]|{CALL})+(?=\))", lambda m: f"!({m.group()})"),
    (r"(?<![\w.])\d[\d.]*(?:e-?\d+)?(?![\w.])", lambda m: other_number(m.group())),
    (r"(?m)^ +[\w.\[\]()>*-]+ [-+*/]?= [^;{}]*;$", lambda m: " ;"),  # drop a statement
    (r"(?m)^ +(?:[\w.]|->|::|<\w+>\(\)\.)+\([^;{}]*\);$", lambda m: " ;"),
]


def other_number(text):
    special = {"1.0": "0.5", "0.5": "1.0", "0.0": "1.0"}
    return special.get(text) or (str(int(text) + 1) if text.isdigit() else f"({text} + 1)")


def formulas(text):
    """The text with all but function bodies blanked out, letter for letter: no schema, comment, string, message."""

    def blank(match):
        return re.sub(r"[^\n]", "\0", match.group())

    schema = re.search(
        r"^(?:/// For the examples|const auto \w*registered|template class |template void )", text, re.MULTILINE
    )
    if schema:
        text = text[: schema.start()]
    text = re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|^#[^\n]*", blank, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?:throw |static_assert\(|(?:this->)?shape_error\(|using |alignas|typename )[^;]*;", blank, text)
    text = re.sub(r"(?:template )<[^;{}]*?>\n", blank, text)
    body = re.compile(r"\)(?:\s*(?:const|override|noexcept|mutable|__attribute__\(\(\w+\)\)))*\s*(?:->\s*[\w<>]+\s*)?\{"
                      r"|(?:else|do|\}) \{")  # fmt: skip
    opens = {m.end() - 1 for m in body.finditer(text)}
    out, depth, inside = [], 0, []
    for i, letter in enumerate(text):
        if letter == "{":
            depth += 1
            if i in opens:
                inside.append(depth)
        out.append(letter if inside or letter == "\n" else "\0")
        if letter == "}":
            if inside and inside[-1] == depth:
                inside.pop()
            depth -= 1
    return "".join(out)


def mutants_of(path):
    text = path.read_text(encoding="utf-8")
    code, file = formulas(text), str(path.relative_to(ROOT))
    names = [(m.start(), m.group(1)) for m in re.finditer(r"(?:struct|class|void|T>) (\w+)[\s(:]", text)]
    found = {}
    for pattern, change in RULES:
        for m in re.finditer(pattern, code):
            if "\0" in m.group():
                continue
            new = change(m) if callable(change) else change
            line = text.count("\n", 0, m.start() + len(m.group()) - len(m.group().lstrip())) + 1
            near = next((name for at, name in reversed(names) if at < m.start()), "")
            what = f"{m.group().strip()!r} -> {new.strip()!r} in {text.splitlines()[line - 1].strip()!r}"
            what += f" at {m.start() - text.rfind(chr(10), 0, m.start())}"
            found[m.start(), m.end(), new] = Mutant(file, line, what, m.start(), m.end(), new, near)
    return list(found.values())


def sample(pattern, seed):
    """All mutants, in an order that takes one of each file in turn."""
    queues = []
    for path in sources():
        if not re.search(pattern, str(path.relative_to(ROOT))):
            continue
        mutants = mutants_of(path)
        random.Random(f"{seed} {path.relative_to(ROOT)}").shuffle(mutants)
        queues.append(mutants)
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]


# ---- Building ----------------------------------------------------------------------------------------------------


class Build:
    """Compiles what depends on one changed file and links it with the rest of a finished build."""

    def __init__(self, build, scratch):
        self.build, self.overlay, self.package = build, scratch / "overlay", scratch / "python" / "nncore"
        self.objects = scratch / "objects"
        shutil.copytree(ROOT / "python/nncore", self.package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        library = next(build.glob("_core*.so"))
        self.library = self.package / library.name
        self.link = self.ninja("commands", library.name).splitlines()[-1].replace(f"-o {library.name} ", "-o @LIB@ ")
        units = json.loads(self.ninja("compdb"))
        self.units = {unit["output"]: unit for unit in units if unit["output"].endswith(".o")}
        shutil.copy2(library, self.library)
        self.isa = self.kernel_set()

    def ninja(self, *tool):
        return subprocess.check_output(["ninja", "-C", self.build, "--quiet", "-t", *tool], text=True)

    def kernel_set(self):
        code = "import nncore, re; print(re.search(r'kernel set +(\\w+)', str(nncore.info()))[1])"
        environment = dict(os.environ, PYTHONPATH=str(self.package.parent))
        return subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip()

    def depending(self, file):
        """Objects of the kernel set in use that are made from the file."""
        kept, output = set(), None
        for line in self.ninja("deps").splitlines():
            if line and not line.startswith(" "):
                output = line.split(":")[0]
            elif (self.build / line.strip()).resolve() == ROOT / file:
                kept.add(output)
        return [o for o in sorted(kept & set(self.units)) if not re.search(rf"nncore_kernels_(?!{self.isa}\.)", o)]

    def compile(self, file, text, optimized=False):
        """{object: where its changed form lies}, or None if it does not compile."""
        for folder in (self.overlay, self.objects):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        changed = self.overlay / Path(file).relative_to("cpp/src")
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(text, encoding="utf-8")
        made = {}
        for k, output in enumerate(self.depending(file)):
            unit, made[output] = self.units[output], str(self.objects / f"{k}.o")
            source = str(changed) if Path(unit["file"]) == ROOT / file else unit["file"]
            level = "" if optimized else "-O1" if "/kernels/" in unit["file"] else "-O0"  # half the time
            command = re.sub(r" -MD .*$", f" -w {level} -o {made[output]} -c {source}", unit["command"])
            command = command.replace(" -I", f" -I{self.overlay} -I", 1)
            if subprocess.run(command, shell=True, cwd=self.build, capture_output=True, check=False).returncode:
                return None
        return made

    def put(self, made):
        command = self.link.replace("@LIB@", str(self.library))
        for output, place in made.items():
            command = command.replace(f" {output} ", f" {place} ")
        self.library.unlink()
        subprocess.run(command, shell=True, cwd=self.build, capture_output=True, check=True)


# ---- Tests -------------------------------------------------------------------------------------------------------

PRELOADED = ["numpy", "pytest", "scipy.special", "torch"]


class FirstFailure:
    def __init__(self, place):
        self.place = place

    def note(self, report):
        if report.failed and not self.place.exists():
            self.place.write_text(report.nodeid)

    pytest_runtest_logreport = pytest_collectreport = note


def run_tests(package, paths, expression, timeout, scratch):
    """Nothing, or what failed: a test, "crash", "timeout"."""
    failure, log = scratch / "failure", scratch / "log"
    failure.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (timeout, timeout + 5))
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1), os.dup2(out, 2)
            os.chdir(ROOT)
            os.environ["PYTHONPATH"] = str(package.parent)
            sys.path[:0] = [str(package.parent), str(ROOT / "tests")]
            import pytest

            import nncore

            if Path(nncore.__file__).parent != package:
                os._exit(99)
            options = ["-q", "-x", "-p", "no:cacheprovider", *(["-k", expression] if expression else []), *paths]
            os._exit(int(pytest.main(options, plugins=[FirstFailure(failure)])))
        except BaseException:
            traceback.print_exc()
        os._exit(98)
    end = time.monotonic() + 10 * timeout  # for one that waits; the machine may have other work
    try:
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > end:
                return "timeout"
            time.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code in (0, 5):  # 5: no test selected
        return ""
    assert code != 99, f"tests imported another nncore than {package}"
    if failure.exists():
        return failure.read_text()
    names = {98: "import", -signal.SIGXCPU: "timeout"}
    return names.get(code, "crash" if code < 0 else f"pytest exit {code}")


def verdict_on(mutant, build, scratch, broad):
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    changed = text[: mutant.start] + mutant.new + text[mutant.end :]
    if broad:
        codes = []
        for form in (text, changed):
            made = build.compile(mutant.file, form, optimized=True)
            codes.append([Path(place).read_bytes() for place in made.values()])
        if codes[0] == codes[1]:
            return "same code"
    else:
        made = build.compile(mutant.file, changed)
    if made is None:
        return "compile"
    build.put(made)
    paths, expression = selection(mutant, broad)
    return run_tests(build.package, paths, expression, 240 if broad else 60, scratch) or (
        "survived" if broad else "left"
    )


# ---- The run -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def shared(path):
    """Others who want the machine to themselves hold the lock alone."""
    with open(path or os.devnull, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def report(verdicts):
    kinds = Counter(v if v in ("survived", "left", "same code", "compile") else "killed" for v in verdicts.values())
    judged = kinds["killed"] + kinds["survived"] + kinds["left"]  # left: the first tests alone have run
    print(f"\n{kinds['killed']} of {judged} killed ({100 * kinds['killed'] / max(1, judged):.1f} %); not counted: "
          f"{kinds['compile']} that do not compile, {kinds['same code']} that give the same machine code")  # fmt: skip
    for name, verdict in verdicts.items():
        if verdict in ("survived", "left"):
            print(f"{verdict}:", name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help="a finished Ninja build of this checkout")
    parser.add_argument("--count", type=int, default=120, help="how many mutants")
    parser.add_argument("--skip", type=int, default=0, help="leave out as many at the start")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after as long")
    parser.add_argument("--files", default="", help="regular expression of files")
    parser.add_argument("--only", default="", help="regular expression of mutants, as a report names them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lock", type=Path, help="file to hold a shared lock on while a mutant is built and tested")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir(), "nncore-mutants"))
    parser.add_argument("--unchecked", action="store_true", help="leave out the run without any mutant")
    parser.add_argument("--list", action="store_true", help="list them, run nothing")
    options = parser.parse_args()
    mutants = [m for m in sample(options.files, options.seed) if re.search(options.only, m.id)]
    print(f"{len(mutants)} mutants")
    chosen = mutants[options.skip : options.skip + options.count]
    if options.list:
        return print(*(m.id for m in chosen), sep="\n")
    for name in PRELOADED:  # every child inherits them
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    shutil.rmtree(options.scratch, ignore_errors=True)
    options.scratch.mkdir(parents=True)
    build, verdicts = Build(options.build.resolve(), options.scratch.resolve()), {}
    end = time.monotonic() + 60 * options.minutes
    with shared(options.lock):
        if not options.unchecked and (failed := run_tests(build.package, *selection(None, True), 600, options.scratch)):
            sys.exit(f"without any mutant: {failed}")
    try:
        with open(options.scratch / "results.jsonl", "w", encoding="utf-8") as log:
            for broad in (False, True):  # all others only for what the tests about the file leave alive
                for mutant in chosen:
                    if broad and verdicts.get(mutant.id) != "left":
                        continue
                    start = time.monotonic()
                    if start > end:
                        break
                    with shared(options.lock):
                        verdict = verdicts[mutant.id] = verdict_on(mutant, build, options.scratch, broad)
                    seconds = round(time.monotonic() - start, 1)
                    print(f"{seconds:5.1f} s  {mutant.id}\n         {verdict}", flush=True)
                    log.write(json.dumps(dict(asdict(mutant), verdict=verdict, seconds=seconds, broad=broad)) + "\n")
                    log.flush()
    finally:
        report(verdicts)


if __name__ == "__main__":
    main()
