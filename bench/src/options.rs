//! Options that several measurements have.

use std::path::PathBuf;

use clap::Args;

use crate::Failure;

/// Which program is measured.
#[derive(Clone, Debug, Args)]
pub struct Program {
    /// The northflow program; by default the one beside this one.
    #[arg(long, value_name = "FILE")]
    northflow: Option<PathBuf>,
}

impl Program {
    /// Where it is.
    ///
    /// # Errors
    /// When it is not there.
    pub fn find(&self) -> Result<PathBuf, Failure> {
        let path = match &self.northflow {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("northflow"),
        };
        if !path.is_file() {
            let path = path.display();
            return Err(format!("{path} is not there: build it, or name it with --northflow").into());
        }
        Ok(path)
    }
}

/// How two sides are compared.
#[derive(Clone, Debug, Args)]
pub struct Comparison {
    /// How often each change is made; at most 200.
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub rounds: u16,
    /// What is compared with the reference.
    #[command(flatten)]
    pub program: Program,
    /// Only changes whose name holds one of these. Some need others: what is deleted was added before.
    #[arg(long, value_delimiter = ',', value_name = "TEXT,...")]
    pub only: Vec<String>,
    /// Only northflow: there are no ratios then.
    #[arg(long)]
    pub alone: bool,
}
