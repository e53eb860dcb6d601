"""The commands of `nearline`, one module each; `streams.cli.COMMANDS` lists them."""
