//! The reference of the command line, `docs/cli.md`: every help text, as the program prints it.

use clap::CommandFactory;

use super::Cli;

const HEAD: &str = "\
# Command line

Generated from the program's help by `make generate`.

Data is printed on standard output, words on standard error. Exit status: 0 done, 1 findings or \
failed checks, 2 wrong usage or something that did not work. `NO_COLOR` is respected. Installed \
as `kubectl-k8scop`, all of it works as `kubectl k8scop`.
";

/// The reference as Markdown.
pub fn reference() -> String {
    let mut root = Cli::command().term_width(98);
    root.build();
    let mut text = HEAD.to_owned();
    add("k8scop", &mut root.clone(), &mut text);
    for command in root.get_subcommands_mut() {
        let name = format!("k8scop {}", command.get_name());
        add(&name, command, &mut text);
    }
    text
}

fn add(name: &str, command: &mut clap::Command, text: &mut String) {
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!(
        "\n## {name}\n\n```text\n{}\n```\n",
        lines.join("\n")
    ));
}
