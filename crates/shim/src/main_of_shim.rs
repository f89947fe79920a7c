use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use hyperion_sandbox::{PROBE, answer_probe};

use crate::{INSIDE, inside, owner};

/// The command `shim`, with the arguments after that word: `FOLDER` owns the run in that folder.
///
/// It is for [`start`](crate::start) alone. Call it before anything else, in a process with one thread.
pub fn main_of_shim(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    if let [word, rest @ ..] = args.as_slice()
        && word == PROBE
    {
        return answer_probe(rest);
    }
    let result = match args.as_slice() {
        _ if hyperion_fault::check().is_err() => Err("a fail point is not known".to_owned()),
        [word, folder] if word == INSIDE => {
            inside::run(Path::new(folder)).map_err(|error| error.to_string())
        }
        [folder] if Path::new(folder).is_absolute() => {
            owner::own(Path::new(folder)).map_err(|error| error.to_string())
        }
        _ => Err("this command is for the engine alone: it wants the folder of a run".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "hyperion shim: {why}");
            ExitCode::FAILURE
        }
    }
}
