//! One module per command, and the way from the command line to them.

pub mod bench;
mod calibrate;
pub mod check;
mod collect;
pub mod cost;
pub mod dry_run;
mod experiment;
pub mod export;
pub mod morph;
pub mod plan;
mod point;
pub mod report;
mod slurm;
mod status;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, DeviceName, Executor, RunOptions};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Study;
use crate::run;
use crate::spec::nearest;

/// Exit code for bad input.
pub const BAD_INPUT: u8 = 2;

/// Exit code when a point failed.
pub const FAILED: u8 = 1;

/// What a command has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// Exit code.
    pub code: u8,
}

impl Outcome {
    /// Everything went well.
    pub fn success(stdout: String) -> Self {
        Self { stdout, stderr: String::new(), code: 0 }
    }

    /// The input was bad.
    pub fn bad_input(faults: &Diagnostics) -> Self {
        Self { stdout: String::new(), stderr: faults.to_string(), code: BAD_INPUT }
    }

    /// The work did not come about.
    pub(crate) fn failure(failure: &run::Failure) -> Self {
        Self {
            stdout: String::new(),
            stderr: format!("error: {:#}\n", failure.error),
            code: if failure.bad_input { BAD_INPUT } else { FAILED },
        }
    }

    /// Prints it; a reader who has gone away is not an error.
    pub fn print(self) -> ExitCode {
        let _ = std::io::stdout().write_all(self.stdout.as_bytes());
        let _ = std::io::stderr().write_all(self.stderr.as_bytes());
        ExitCode::from(self.code)
    }
}

/// The program: `args` as from [`std::env::args_os`], the first being the program's name.
pub fn main_with(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => dispatch(cli).print(),
        Err(error) => {
            let _ = error.print();
            let first = args.get(1).map(|word| word.to_string_lossy());
            if let Some(command) = first.and_then(|word| command_meant(&word)) {
                let _ = writeln!(std::io::stderr(), "\nhelp: did you mean `runner {command}`?");
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_INPUT))
        }
    }
}

/// The command that a word was meant to be, if it is none and could not be a file.
fn command_meant(word: &str) -> Option<&'static str> {
    const COMMANDS: [&str; 12] = [
        "run",
        "plan",
        "point",
        "collect",
        "status",
        "check",
        "report",
        "cost",
        "morph",
        "calibrate",
        "bench",
        "export",
    ];
    let could_be = !COMMANDS.contains(&word) && word.chars().all(|c| c.is_ascii_alphabetic());
    if could_be { nearest(word, COMMANDS) } else { None }
}

fn dispatch(cli: Cli) -> Outcome {
    match (cli.command, cli.run) {
        (Some(Command::Run(options)), _) | (None, Some(options)) => run_or_list(&options),
        (Some(Command::Plan(options)), _) => plan::plan(&options),
        (Some(Command::Point(options)), _) => point::point(&options),
        (Some(Command::Collect(options)), _) => collect::collect(&options),
        (Some(Command::Status(options)), _) => status::status(&options),
        (Some(Command::Check(options)), _) => check::check(&options),
        (Some(Command::Report(options)), _) => report::report(&options),
        (Some(Command::Cost(options)), _) => cost::cost(&options),
        (Some(Command::Morph(options)), _) => morph::morph(&options),
        (Some(Command::Calibrate(options)), _) => calibrate::calibrate(&options),
        (Some(Command::Bench(options)), _) => bench::bench(&options),
        (Some(Command::Export(options)), _) => export::export(&options),
        (None, None) => Outcome::default(),
    }
}

fn run_or_list(options: &RunOptions) -> Outcome {
    let (study, folder) = match opened_to_run(options) {
        Ok(opened) => opened,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    if options.dry_run {
        return Outcome::success(dry_run::describe(&study, options));
    }
    match options.executor {
        Executor::Local => {}
        Executor::Slurm => return slurm::submit(&study, &folder, options),
    }
    match run::run(&study, &settings(options, folder)) {
        Ok((outcome, table)) => {
            Outcome { stdout: table, stderr: closing(outcome), code: code(outcome) }
        }
        Err(failure) => Outcome::failure(&failure),
    }
}

fn settings(options: &RunOptions, folder: PathBuf) -> run::Settings {
    run::Settings {
        experiment: options.file.clone(),
        folder,
        data: options.data_dir.clone(),
        jobs: options.jobs.map(usize::from),
        threads: options.threads.map(usize::from),
        level: options.simd,
        fresh: options.fresh,
        keep_going: options.keep_going,
        retry_failed: options.retry_failed,
        task: run::Task::Points(options.only.clone()),
        changes: options.set.clone(),
    }
}

fn closing(outcome: run::Outcome) -> String {
    match outcome {
        run::Outcome::Done => String::new(),
        run::Outcome::Failed(1) => {
            "error: 1 piece of work failed; `--retry-failed` tries it again\n".to_owned()
        }
        run::Outcome::Failed(count) => {
            format!("error: {count} pieces of work failed; `--retry-failed` tries them again\n")
        }
        run::Outcome::Stopped => {
            "stopped after a checkpoint; run the same command again to go on\n".to_owned()
        }
    }
}

fn code(outcome: run::Outcome) -> u8 {
    match outcome {
        run::Outcome::Done => 0,
        run::Outcome::Failed(_) => FAILED,
        run::Outcome::Stopped => crate::interrupt::STOPPED,
    }
}

/// The experiment that the options of `run` ask for, after everything about them that can be checked beforehand.
pub fn study_to_run(options: &RunOptions) -> Result<Study, Diagnostics> {
    opened_to_run(options).map(|(study, _)| study)
}

fn opened_to_run(options: &RunOptions) -> Result<(Study, PathBuf), Diagnostics> {
    let file = &options.file;
    match options.device {
        DeviceName::Cpu => {}
        DeviceName::Cuda => {
            return Err(Diagnostic::new("`--device cuda`: this build has no CUDA")
                .help("leave the option out to compute on the processor")
                .into());
        }
    }
    if !options.sbatch.is_empty() && options.executor != Executor::Slurm {
        return Err(Diagnostic::new("flags for sbatch are given, and nothing is submitted")
            .help("add `--executor slurm` before `--`")
            .into());
    }
    if let Some(command) = file.to_str().and_then(command_meant)
        && !file.exists()
    {
        let file = file.display();
        return Err(Diagnostic::new(format!("`{file}` is neither a command nor a file"))
            .help(format!("did you mean `runner {command}`?"))
            .into());
    }
    let (study, folder) = experiment::open(&options.experiment())?;
    let points = study.points().len();
    match options.only.iter().find(|index| **index >= points) {
        None => Ok((study, folder)),
        Some(index) => Err(Diagnostic::new(format!(
            "`--only {index}`: there is no such point, the experiment has {points}, numbered from 0"
        ))
        .help("`--dry-run` lists them")
        .into()),
    }
}
