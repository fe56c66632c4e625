"""`harness completion SHELL`: the script that completes commands, options and paths."""

from __future__ import annotations

import click

WHERE = {
    "bash": "source it in ~/.bashrc, or: harness completion bash > ~/.local/share/bash-completion/completions/harness",
    "zsh": "source it in ~/.zshrc after compinit",
    "fish": "harness completion fish > ~/.config/fish/completions/harness.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(WHERE)))
def completion(shell: str) -> None:
    """Print the completion script of your shell.

    \b
    bash   source it in ~/.bashrc: source <(harness completion bash)
    zsh    source it in ~/.zshrc after compinit
    fish   harness completion fish > ~/.config/fish/completions/harness.fish
    """
    from click.shell_completion import get_completion_class

    from harness.cli.main import main

    made = get_completion_class(shell)
    assert made is not None
    click.echo(f"# {WHERE[shell]}")
    click.echo(made(main, {}, "harness", "_HARNESS_COMPLETE").source())
