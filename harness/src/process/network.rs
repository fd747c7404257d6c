//! A network of a driver's own, where the system allows one: nobody outside can reach the driver's port, nor any that its
//! browser opens.
//!
//! A socket belongs to the network that it was made in, whoever holds it. So the guard, which is inside, makes the sockets
//! that we ask for, and hands them out: to connect to the driver, and to be connected to by the page.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
pub use linux::{Inside, Network};
#[cfg(not(target_os = "linux"))]
pub use nowhere::{Inside, Network};

/// The way to a driver, for an HTTP client.
impl tower_service::Service<Uri> for Network {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let network = self.clone();
        Box::pin(async move {
            let port = address.port_u16().ok_or(io::ErrorKind::AddrNotAvailable)?;
            Ok(TokioIo::new(network.connect(port).await?))
        })
    }
}

/// Network namespaces (network_namespaces(7)), which root may make, and others within a user namespace of their own.
#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, IoSlice, IoSliceMut, Read, Write};
    use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    use nix::libc;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

    /// How long a guard may take to make a socket.
    const LIMIT: Duration = Duration::from_secs(5);
    /// Asks for a socket that is connected to a port.
    const CONNECT: u8 = b'c';
    /// Asks for a socket that listens on a port.
    const LISTEN: u8 = b'l';

    /// A network, seen from outside.
    #[derive(Debug, Clone)]
    pub struct Network(Arc<Requests>);

    #[derive(Debug)]
    struct Requests {
        stream: UnixStream,
        turn: Mutex<()>,
    }

    impl Network {
        /// A network that nobody is in yet, and what the guard that is to enter it gets as its standard input.
        pub fn new() -> io::Result<(Network, OwnedFd)> {
            let (stream, theirs) = UnixStream::pair()?;
            stream.set_read_timeout(Some(LIMIT))?;
            Ok((Network(Arc::new(Requests { stream, turn: Mutex::default() })), theirs.into()))
        }

        /// Waits until the guard is inside.
        ///
        /// # Errors
        /// When the system does not allow it one.
        pub async fn entered(&self) -> io::Result<()> {
            self.with_guard(|stream| receive(stream).map(|_| ())).await
        }

        /// Connects to a port inside.
        pub async fn connect(&self, port: u16) -> io::Result<tokio::net::TcpStream> {
            let socket = TcpStream::from(self.socket(CONNECT, port).await?);
            socket.set_nonblocking(true)?;
            tokio::net::TcpStream::from_std(socket)
        }

        /// Listens on a port inside.
        pub async fn listen(&self, port: u16) -> io::Result<tokio::net::TcpListener> {
            let socket = TcpListener::from(self.socket(LISTEN, port).await?);
            socket.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(socket)
        }

        /// Lets the guard see that nobody wants anything any more.
        pub fn hang_up(&self) {
            // It may have ended before.
            let _ = self.0.stream.shutdown(Shutdown::Both);
        }

        async fn socket(&self, kind: u8, port: u16) -> io::Result<OwnedFd> {
            let [high, low] = port.to_be_bytes();
            let made = self.with_guard(move |mut stream| {
                stream.write_all(&[kind, high, low])?;
                receive(stream)
            });
            made.await?.ok_or_else(|| io::ErrorKind::InvalidData.into())
        }

        async fn with_guard<T: Send + 'static>(
            &self,
            talk: impl FnOnce(&UnixStream) -> io::Result<T> + Send + 'static,
        ) -> io::Result<T> {
            let requests = Arc::clone(&self.0);
            let talked = tokio::task::spawn_blocking(move || {
                let _turn = requests.turn.lock().unwrap_or_else(PoisonError::into_inner);
                talk(&requests.stream)
            });
            talked.await.map_err(io::Error::other)?
        }
    }

    /// A network, seen from inside.
    pub struct Inside(UnixStream);

    impl Inside {
        /// Enters a network of this process's own, which must have no other thread yet, and tells whoever holds the other
        /// end of standard input how that went.
        pub fn enter() -> io::Result<Inside> {
            let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
            let entered = unshare_network();
            send(&stream, entered.as_ref().map(|()| None))?;
            entered.map(|()| Inside(stream))
        }

        /// Makes the sockets that are asked for, until the other end hangs up.
        pub fn serve(mut self) {
            let mut request = [0; 3];
            while self.0.read_exact(&mut request).is_ok() {
                let [kind, high, low] = request;
                let made = socket(kind, u16::from_be_bytes([high, low]));
                if send(&self.0, made.as_ref().map(|socket| Some(socket.as_raw_fd()))).is_err() {
                    return;
                }
            }
        }
    }

    fn socket(kind: u8, port: u16) -> io::Result<OwnedFd> {
        let address = (Ipv4Addr::LOCALHOST, port);
        match kind {
            CONNECT => TcpStream::connect(address).map(Into::into),
            LISTEN => TcpListener::bind(address).map(Into::into),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn unshare_network() -> io::Result<()> {
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
            // Everybody stays who they are (user_namespaces(7)).
            std::fs::write("/proc/self/setgroups", "deny")?;
            std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
            std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
        }
        raise_loopback()
    }

    /// A new network's loopback interface is down (netdevice(7)).
    fn raise_loopback() -> io::Result<()> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // SAFETY: all zeros are an interface request, and its name ends in one.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        // SAFETY: the request outlives the call, which only reads it.
        match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Sends the number of an error, 0 for none, and with it a socket.
    fn send(stream: &UnixStream, made: Result<Option<RawFd>, &io::Error>) -> io::Result<()> {
        let (number, socket) = match made {
            Ok(socket) => (0, socket),
            Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), None),
        };
        let sockets: Vec<RawFd> = socket.into_iter().collect();
        let rights = [ControlMessage::ScmRights(&sockets)];
        let rights = if sockets.is_empty() { &[] } else { &rights[..] };
        let bytes = number.to_be_bytes();
        sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&bytes)], rights, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }

    /// Receives what [`send`] sent.
    fn receive(stream: &UnixStream) -> io::Result<Option<OwnedFd>> {
        let mut bytes = [0; 4];
        let mut rights = nix::cmsg_space!(RawFd);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_WAITALL;
        let received = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut rights), flags)?;
        let length = received.bytes;
        let sockets = received.cmsgs()?.filter_map(|message| match message {
            ControlMessageOwned::ScmRights(sockets) => Some(sockets),
            _ => None,
        });
        // SAFETY: the kernel made these numbers for us, and nobody else knows them.
        let mut sockets = sockets.flatten().map(|socket| unsafe { OwnedFd::from_raw_fd(socket) });
        let socket = sockets.next();
        match (length, i32::from_be_bytes(bytes)) {
            (4, 0) => Ok(socket),
            (4, number) => Err(io::Error::from_raw_os_error(number)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Elsewhere there are none.
#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::io;

    use tokio::net::{TcpListener, TcpStream};

    /// A network that nobody can make.
    #[derive(Debug, Clone)]
    pub enum Network {}

    impl Network {
        /// Connects to a port inside.
        pub async fn connect(&self, _port: u16) -> io::Result<TcpStream> {
            match *self {}
        }

        /// Listens on a port inside.
        pub async fn listen(&self, _port: u16) -> io::Result<TcpListener> {
            match *self {}
        }

        /// Lets the guard see that nobody wants anything any more.
        pub fn hang_up(&self) {
            match *self {}
        }
    }

    /// A network that nobody can enter.
    pub enum Inside {}

    impl Inside {
        /// There is none.
        pub fn enter() -> io::Result<Inside> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Nobody asks.
        pub fn serve(self) {
            match self {}
        }
    }
}
