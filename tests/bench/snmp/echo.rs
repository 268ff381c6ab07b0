//! Sends back what comes, with the system calls of the agent: the least that any UDP server pays to the kernel.

use std::{
    io::{self, ErrorKind},
    net::UdpSocket,
    time::Duration,
};

use super::mmsg::Batch;

/// As many as the agent takes at once.
const BATCH: usize = 64;
/// As the agent's.
const PATIENCE: Duration = Duration::from_millis(200);

/// Serves until it is killed.
pub fn serve(socket: &UdpSocket) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut batch = Batch::new(BATCH);
    loop {
        match batch.receive(socket) {
            Ok(count) => batch.send_back(socket, count)?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
}
