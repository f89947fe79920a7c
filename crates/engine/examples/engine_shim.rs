//! A program whose `shim` command is that of `hyperion`, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    hyperion_shim::main_of_shim(std::env::args_os().skip(2))
}
