"""Compiler arguments of a source file, from a build directory's compile_commands.json."""

import json
import os
import shlex

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def load(build):
    """{source path relative to ROOT: (directory, [arguments without input and output])}"""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    table = {}
    for command in commands:
        source = os.path.realpath(os.path.join(command["directory"], command["file"]))
        words = shlex.split(command["command"])
        if os.path.basename(words[0]) == "ccache":
            words = words[1:]
        arguments, skip = [], False
        for word in words:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MQ", "-MT"):
                skip = True
            elif word not in ("-c", "-MD", "-MMD", command["file"]):
                arguments.append(word)
        table[os.path.relpath(source, ROOT)] = (command["directory"], arguments)
    return table


def near(table, path):
    """Arguments that suit a header: those of a source in the same folder, else of any in the tree."""
    folder = os.path.dirname(path)
    top = path.split(os.sep)[0]
    for test in (lambda s: os.path.dirname(s) == folder,
                 lambda s: s.startswith(os.path.join("app", "")) and top in ("lib", "app"),
                 lambda s: s.startswith(top + os.sep), lambda s: True):
        for source in sorted(table):
            if test(source):
                return table[source]
    raise SystemExit("compile_commands.json is empty")
