//! What operators ask a running coordinator.

use crate::commands::Console;
use crate::exit::Exit;

/// Asks, and says how it ended.
pub fn operator(command: admin_cli::Command, console: &mut Console<'_>) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            console.talk(&format!("error: the command cannot be started: {error}\n"));
            return Exit::Failed;
        }
    };
    // It colors and reads by itself.
    let mut streams = admin_cli::Console::standard(command.common().color);
    Exit::Operator(runtime.block_on(admin_cli::run(command, &mut streams)))
}
