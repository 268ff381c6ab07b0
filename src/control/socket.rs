//! The listeners: a Unix socket with mode 0600 from its first moment, and TCP for metrics.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::ControlError;

/// Listening and not yet serving: so that a start fails before it changes anything.
#[derive(Debug)]
pub struct Listeners {
    unix: UnixListener,
    tcp: Option<TcpListener>,
    file: SocketFile,
}

impl Listeners {
    /// Opens the socket, taking the place of one whose daemon is gone, and listens on `http`. Within a runtime.
    ///
    /// # Errors
    /// A live daemon answers at the socket, the path is taken by something else or too long, a port is taken.
    pub async fn bind(socket: &Path, http: Option<SocketAddr>) -> Result<Listeners, ControlError> {
        let tcp = match http {
            Some(address) => {
                let error = |error| ControlError::Http { address, error };
                Some(TcpListener::bind(address).await.map_err(error)?)
            }
            None => None,
        };
        clear(socket)?;
        let error = |error| ControlError::Socket { path: socket.to_owned(), error };
        let unix = listen(socket).map_err(error)?;
        let file = SocketFile::new(socket).map_err(error)?;
        Ok(Listeners { unix, tcp, file })
    }

    /// Where `/metrics` is, when the port was left to the system.
    pub fn http(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }

    pub(super) fn into_parts(self) -> (UnixListener, Option<TcpListener>, SocketFile) {
        (self.unix, self.tcp, self.file)
    }
}

/// The socket's name in the file system; removed when dropped, if it is still ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(SocketFile { path: path.to_owned(), inode: inode(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Makes room: nothing there, or a socket at which nobody answers any more.
fn clear(path: &Path) -> Result<(), ControlError> {
    if path.as_os_str().len() > 107 {
        return Err(ControlError::TooLong(path.to_owned()));
    }
    let error = |error| ControlError::Socket { path: path.to_owned(), error };
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(other) => return Err(error(other)),
    };
    if !file.file_type().is_socket() {
        return Err(ControlError::NoSocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(error)
        }
        // Also a socket that we may not open: somebody else's daemon.
        _ => Err(ControlError::Taken(path.to_owned())),
    }
}

/// Nobody can connect between bind and listen, so nobody ever sees the socket with a wider mode.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = Listeners::bind(&path, None).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(Listeners::bind(&path, None).await, Err(ControlError::Taken(_))));
        drop(first);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Listeners::bind(&path, None).await, Err(ControlError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let first = Listeners::bind(&dir.path().join("a"), Some(([127, 0, 0, 1], 0).into())).await.unwrap();
        let error = Listeners::bind(&dir.path().join("b"), first.http()).await.unwrap_err().to_string();
        assert!(error.contains("[control] http"), "{error}");
        assert!(!dir.path().join("b").exists());
    }
}
