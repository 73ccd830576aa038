"""A flag that is a word in a file, told and asked by commands; for who needs no application behind it."""


def script(path, text):
    """A command of a plan: exec and the path of a shell script that holds `text`."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return f"exec {path}"


def file_flag(folder, word="source"):
    """The lever, as a plan has it; the file is FOLDER/word. Nothing is ever in flight."""
    file = folder / "word"
    file.write_text(word)
    return {"get": script(folder / "get", f"cat {file}\n"), "set": script(folder / "set", f'printf "$1" > {file}\n'),
            "drained": script(folder / "drained", "exit 0\n")}
