//! `firedrill man`: one manual page for the program and all its commands, made from their definitions.

use std::io::Write as _;

use clap::CommandFactory;

use super::Failure;
use super::output::write_out;
use crate::cli::Cli;

/// Runs the command.
pub fn man() -> Result<u8, Failure> {
    let page = page(Cli::command())
        .map_err(|error| Failure::Harness(miette::miette!("the manual page cannot be made: {error}")))?;
    write_out(&page)?;
    Ok(0)
}

/// The page of a program, its commands and theirs as sections of their own behind it.
fn page(mut program: clap::Command) -> std::io::Result<String> {
    // Options that hold everywhere are known to the commands only once the whole is put together.
    program.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(program.clone()).render(&mut page)?;
    let mut commands = Vec::new();
    gather(&program, program.get_name(), &mut commands);
    for (name, command) in commands {
        let man = clap_mangen::Man::new(command.clone().display_name(name.as_str()).bin_name(name.as_str()));
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_synopsis_section(&mut section)?;
        if command.get_opts().any(|option| !option.is_global_set()) || command.get_positionals().next().is_some() {
            man.render_options_section(&mut section)?;
        }
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        // What is a section of a page of its own is a part of this one.
        for line in String::from_utf8_lossy(&section).lines() {
            match line.strip_prefix(".SH ") {
                Some(title) => writeln!(page, ".SS {title}")?,
                None => writeln!(page, "{line}")?,
            }
        }
    }
    String::from_utf8(page).map_err(std::io::Error::other)
}

fn gather<'a>(above: &'a clap::Command, path: &str, commands: &mut Vec<(String, &'a clap::Command)>) {
    for command in above.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{path} {}", command.get_name());
        commands.push((name.clone(), command));
        gather(command, &name, commands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_command_and_every_option() {
        let page = page(Cli::command()).expect("a page");
        let mut program = Cli::command();
        program.build();
        let mut commands = Vec::new();
        gather(&program, "firedrill", &mut commands);
        assert!(commands.len() > 15);
        let plain = page.replace("\\-", "-");
        for (name, command) in commands {
            assert!(plain.contains(&format!(".SH \"{}\"", name.to_uppercase())), "{name}");
            for option in command.get_opts().filter_map(clap::Arg::get_long) {
                assert!(plain.contains(&format!("--{option}")), "{name} --{option}");
            }
        }
    }

    #[test]
    fn completions_know_every_command_of_every_shell() {
        for shell in [
            clap_complete::Shell::Bash,
            clap_complete::Shell::Zsh,
            clap_complete::Shell::Fish,
        ] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "firedrill", &mut script);
            let script = String::from_utf8(script).expect("text");
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(script.contains("pause-at"), "{shell}");
        }
    }
}
