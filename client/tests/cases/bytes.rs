//! A socket as a stream of bytes.

use std::io;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _, future::join};

use wirescope::socket::Transport;

use crate::support::{connect, echo, over::over_both, within};

over_both! {
    bytes_come_back_without_regard_to_messages,
    text_is_an_error_and_an_empty_message_is_not_the_end,
}

async fn bytes_come_back_without_regard_to_messages(over: Transport) -> io::Result<()> {
    let sent: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    let (mut reader, mut writer) = connect(over, &echo()).await.into_bytes().split();
    let mut came = vec![0; sent.len()];
    let both = join(writer.write_all(&sent), reader.read_exact(&mut came));
    let (written, read) = within("all goes and comes", both).await;
    written.and(read)?;
    assert!(came == sent);
    within("it closes", writer.close()).await?;
    let mut rest = Vec::new();
    assert_eq!(within("the end", reader.read_to_end(&mut rest)).await?, 0);
    Ok(())
}

async fn text_is_an_error_and_an_empty_message_is_not_the_end(over: Transport) -> io::Result<()> {
    let mut bytes = connect(over, &echo()).await.into_bytes();
    bytes.socket().try_send(b"")?;
    bytes.socket().try_send(b"abc")?;
    bytes.socket().try_send("text")?;
    let mut buf = [0; 2];
    assert_eq!(within("the first part", bytes.read(&mut buf)).await?, 2);
    assert_eq!(within("the rest", bytes.read(&mut buf)).await?, 1);
    let read = within("an error", bytes.read(&mut buf)).await;
    assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
    Ok(())
}
