//! Bytes both ways until both sides are done.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split,
};
use tokio::time::timeout;

/// How long nothing may come from either side.
const SILENT_MAX: Duration = Duration::from_secs(600);
/// The most bytes that are on their way in one direction.
const BUFFER_BYTES: usize = 16 * 1024;

/// Carries bytes both ways; what one side ends, ends for the other, and the rest still arrives.
pub(crate) async fn tunnel<A, B>(a: A, b: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let ((from_a, to_a), (from_b, to_b)) = (split(a), split(b));
    let moved = AtomicU64::new(0);
    tokio::try_join!(carry(from_a, to_b, &moved), carry(from_b, to_a, &moved)).map(|_| ())
}

async fn carry<A, B>(
    mut from: ReadHalf<A>,
    mut to: WriteHalf<B>,
    moved: &AtomicU64,
) -> io::Result<()>
where
    A: AsyncRead,
    B: AsyncWrite,
{
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let before = moved.load(Ordering::Relaxed);
        let count = match timeout(SILENT_MAX, from.read(&mut buffer)).await {
            Ok(read) => read?,
            // The other direction is alive.
            Err(_elapsed) if moved.load(Ordering::Relaxed) != before => continue,
            Err(elapsed) => return Err(elapsed.into()),
        };
        if count == 0 {
            return to.shutdown().await;
        }
        moved.fetch_add(1, Ordering::Relaxed);
        match timeout(SILENT_MAX, to.write_all(&buffer[..count])).await {
            Ok(written) => written?,
            Err(elapsed) => return Err(elapsed.into()),
        }
    }
}
