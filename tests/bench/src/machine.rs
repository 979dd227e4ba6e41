//! Describes the machine and the versions.

use std::process::Command;

use anyhow::Result;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::figures::{digits, mib};
use crate::program::{Program, cargo, repository};

pub(crate) fn describe(programs: &[Program]) -> Result<String> {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(wanted)?;
    let processor = system.cpus().first().map_or("unknown", |cpu| cpu.brand().trim());
    let system_name = System::long_os_version().unwrap_or_default();
    let kernel = System::kernel_long_version().unwrap_or_default();
    let rustc = first_line(Command::new("rustc").arg("--version"));
    let commit =
        first_line(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(repository()));
    let programs = programs.iter().map(|program| {
        let version = first_line(Command::new(program.path()).arg("--version"));
        let size = mib(program.path().metadata()?.len());
        Ok(format!("- program, {}: {version}, {}, {size:.1} MiB\n", program.folder, program.built()))
    });
    let programs = programs.collect::<Result<String>>()?;
    // Not every system has a load average.
    let load = System::load_average().map_or_else(|_| "unknown".to_owned(), |load| digits(load.one));
    Ok(format!(
        "# Benchmarks of tenantry\n\n\
         {programs}\
         - commit: {commit}\n\
         - machine: {processor}, {} cores, {:.0} GiB, {system_name}, {kernel}\n\
         - versions: {rustc}; {}; SQLite {} (baseline); this program {}\n\
         - load before: {load}, as a mean of the last minute",
        system.cpus().len(),
        mib(system.total_memory()) / 1024.0,
        first_line(cargo().arg("--version")),
        rusqlite::version(),
        env!("CARGO_PKG_VERSION"),
    ))
}

/// The first line of a command's output; empty if the command cannot be run.
fn first_line(command: &mut Command) -> String {
    let said = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}
