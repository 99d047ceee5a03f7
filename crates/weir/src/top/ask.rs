//! Asks Weir, in a thread of its own, and tells what it says.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::model::News;
use crate::console::Connection;
use crate::watch::{self, Recent, Source};

/// News that wait; whoever asks waits then, too.
const WAITING: usize = 4;

/// Asks every `period` until nobody listens.
pub(super) fn every(period: Duration, connection: Connection) -> Receiver<News> {
    let (news, receiver) = sync_channel(WAITING);
    let recent = watch::listen(connection.clone());
    let source = Source::new(connection, true);
    thread::spawn(move || while turn(&source, &recent, &news, period).is_some() {});
    receiver
}

/// Nothing: nobody listens.
fn turn(source: &Source, recent: &Recent, news: &SyncSender<News>, period: Duration) -> Option<()> {
    let picture = source.picture();
    let is_there = picture.is_ok();
    let told = |picture| News::Picture(picture, recent.all());
    news.send(picture.map_or_else(News::Away, told)).ok()?;
    // Whoever does not answer one question is not asked another.
    if is_there {
        news.send(source.inventory().map_or_else(News::Away, News::Inventory)).ok()?;
    }
    thread::park_timeout(period);
    Some(())
}
