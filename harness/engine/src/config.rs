//! The config file: defaults of one's own for options of the command line.
//!
//! What can be set is what a `FIREDRILL_*` variable can set, under the variable's name in lower case without the prefix:
//! a new option with such a variable needs nothing here. A flag goes before its variable, a variable before the file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use firedrill_core::document::{Mistake, Parsed, Place, Source, parse};
use serde_json::Value;

use crate::command::Failure;
use crate::library;

/// In the folder that firedrill is started in.
pub(crate) const HERE: &str = "firedrill.yaml";
/// Below the folder for the configuration of a user's programs.
const OF_USER: &str = "firedrill/config.yaml";
const PREFIX: &str = "FIREDRILL_";
/// The variable that names the file itself.
const VARIABLE: &str = "FIREDRILL_CONFIG";

/// A config file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// What it sets, as text.
    pub values: BTreeMap<String, String>,
}

/// Puts the defaults of the config file that is in force into a program; the arguments are looked through for `--config`.
///
/// # Errors
/// [`Failure::Input`]: the file that was named is not there, or there is a mistake in the file.
pub fn configured(program: Command, arguments: &[OsString]) -> Result<Command, Failure> {
    let Some(path) = find(arguments) else {
        return Ok(program);
    };
    let config = read(&path, &program)?;
    Ok(apply(program, &config))
}

/// The file in force: named by flag or variable, else the one here, else the user's.
fn find(arguments: &[OsString]) -> Option<PathBuf> {
    let flag = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .enumerate()
        .find_map(|(index, argument)| {
            let text = argument.to_str()?;
            if text == "--config" {
                return arguments.get(index + 1).map(PathBuf::from);
            }
            text.strip_prefix("--config=").map(PathBuf::from)
        });
    let named = flag.or_else(|| {
        std::env::var_os(VARIABLE)
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
    });
    named.or_else(|| {
        let folder = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
        let of_user = folder.map(|folder| folder.join(OF_USER));
        [Some(PathBuf::from(HERE)), of_user]
            .into_iter()
            .flatten()
            .find(|path| path.is_file())
    })
}

/// Reads a config file and holds each value to what its option takes.
fn read(path: &Path, program: &Command) -> Result<Config, Failure> {
    let source = library::read(path)?;
    let said = source.text.lines().map(str::trim_start);
    if said.clone().all(|line| line.is_empty() || line.starts_with('#')) {
        return Ok(Config {
            path: path.to_owned(),
            values: BTreeMap::new(),
        });
    }
    values(source, program).map(|values| Config {
        path: path.to_owned(),
        values,
    })
}

fn values(source: Source, program: &Command) -> Result<BTreeMap<String, String>, Failure> {
    let options = options(program);
    let parsed: Parsed<BTreeMap<String, Value>> = parse(source).map_err(|mistakes| Failure::Input(mistakes.into()))?;
    let mut mistakes = Vec::new();
    let mut values = BTreeMap::new();
    for (key, value) in &parsed.value {
        let at = Place::of(key);
        let Some(option) = options.get(key) else {
            mistakes.push(Mistake::unknown(at, "setting", key, options.keys().map(String::as_str)));
            continue;
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                mistakes.push(Mistake::new(
                    at,
                    format!("`{key}` is no single value"),
                    "not a single value",
                    "write one value, as the option on the command line takes it",
                ));
                continue;
            }
        };
        match fits(option, &text) {
            Ok(()) => {
                values.insert(key.clone(), text);
            }
            Err(help) => mistakes.push(Mistake::new(
                at,
                format!("`{text}` is not what `{key}` takes"),
                "does not fit",
                help,
            )),
        }
    }
    if mistakes.is_empty() {
        return Ok(values);
    }
    Err(Failure::Input(parsed.draw(mistakes).into()))
}

/// Options that can be set, by their keys. What may hold a secret is none of them: a file like this is shared.
fn options(program: &Command) -> BTreeMap<String, Arg> {
    let own = program
        .get_arguments()
        .filter_map(|option| Some((key(option)?, option.clone())));
    let mut all: BTreeMap<String, Arg> = own.collect();
    for (key, option) in program.get_subcommands().flat_map(options) {
        all.entry(key).or_insert(option);
    }
    all
}

fn key(option: &Arg) -> Option<String> {
    let variable = option.get_env()?.to_str()?;
    if variable == VARIABLE || option.is_hide_env_values_set() {
        return None;
    }
    Some(variable.strip_prefix(PREFIX)?.to_lowercase())
}

fn is_flag(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::SetTrue | ArgAction::SetFalse)
}

/// Whether an option takes a value, as its own parser says; else what it takes.
fn fits(option: &Arg, value: &str) -> Result<(), String> {
    if is_flag(option) {
        return match value {
            "true" | "false" => Ok(()),
            _ => Err("expected `true` or `false`".to_owned()),
        };
    }
    // The variable must not speak for the value here.
    let option = option.clone().env(None::<&str>).long("value").required(false);
    let tried = Command::new("config")
        .arg(option)
        .try_get_matches_from(["config", &format!("--value={value}")]);
    tried.map(drop).map_err(|error| {
        let known: Vec<String> = match error.get(clap::error::ContextKind::ValidValue) {
            Some(clap::error::ContextValue::Strings(known)) => known.clone(),
            _ => Vec::new(),
        };
        if known.is_empty() {
            let said = error.to_string();
            let line = said.lines().next().unwrap_or_default();
            let why = line.rsplit_once("': ").map_or(line, |(_, why)| why);
            format!("{why}; see `firedrill run --help`")
        } else {
            format!("expected one of {}", known.join(", "))
        }
    })
}

/// Makes the file's values the defaults of their options, in every command that has them.
fn apply(mut program: Command, config: &Config) -> Command {
    let ids: Vec<(String, String)> = program
        .get_arguments()
        .filter_map(|option| Some((option.get_id().to_string(), config.values.get(&key(option)?)?.clone())))
        .collect();
    for (id, value) in ids {
        // A default lives as long as the program does; there are as many as there are options.
        let value: &'static str = Box::leak(value.into_boxed_str());
        program = program.mut_arg(id, |option| option.default_value(value).required(false));
    }
    let names: BTreeSet<String> = program
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        program = program.mut_subcommand(name, |command| apply(command, config));
    }
    program
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::cli::{Cli, Color, Command as Chosen, Format};

    fn parsed(text: &str, arguments: &[&str]) -> Cli {
        let values = values(Source::new("firedrill.yaml", text), &Cli::command())
            .unwrap_or_else(|failure| panic!("{failure:?}"));
        let config = Config {
            path: "firedrill.yaml".into(),
            values,
        };
        let matches = apply(Cli::command(), &config)
            .try_get_matches_from(arguments)
            .unwrap_or_else(|error| panic!("{error}"));
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(text: &str) -> String {
        match values(Source::new("firedrill.yaml", text), &Cli::command()) {
            Err(Failure::Input(report)) => format!("{report:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_file_sets_defaults_and_a_flag_goes_before_it() {
        let text = "output: elsewhere\nformat: json\nquiet: true\ncolor: never\npg_version: 17\noffline: true\n";
        let cli = parsed(text, &["firedrill", "run", "a/b", "--format", "markdown"]);
        assert_eq!(
            (cli.format, cli.quiet, cli.color),
            (Format::Markdown, true, Color::Never)
        );
        let Chosen::Run(run) = cli.command else {
            panic!("not a run")
        };
        assert_eq!(run.conduct.output, PathBuf::from("elsewhere"));
        assert_eq!(
            (run.conduct.postgres.pg_version, run.conduct.postgres.offline),
            (Some(17), true)
        );
    }

    #[test]
    fn what_it_cannot_hold_is_refused_in_its_place_with_the_nearest_name() {
        for (text, needed) in [
            ("format: json\nouput: x\n", "did you mean `output`"),
            ("format: pdf\n", "junit"),
            ("pg_version: 9\n", "15"),
            ("quiet: loudly\n", "`true` or `false`"),
            ("output: [a]\n", "single value"),
            ("config: other.yaml\n", "no setting"),
        ] {
            let said = refused(text);
            let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                flat.contains(needed) && flat.contains("firedrill.yaml"),
                "{text}: {said}"
            );
        }
    }

    #[test]
    fn every_setting_is_documented() {
        let page = include_str!("../../../docs/configuration.md");
        for key in options(&Cli::command()).keys() {
            assert!(
                page.contains(&format!("| `{key}` |")),
                "docs/configuration.md does not tell of `{key}`"
            );
        }
    }

    #[test]
    fn the_flag_is_found_before_the_command_line_is_parsed() {
        let arguments = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            find(&arguments(&["firedrill", "--config", "a.yaml", "doctor"])),
            Some("a.yaml".into())
        );
        assert_eq!(
            find(&arguments(&["firedrill", "doctor", "--config=b.yaml"])),
            Some("b.yaml".into())
        );
    }
}
