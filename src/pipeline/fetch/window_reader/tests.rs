use bytes::Bytes;

use super::*;

fn page(kib: usize) -> Vec<Document> {
    let document = Document {
        index: String::new(),
        id: String::new(),
        time: None,
        source: Bytes::from(vec![b' '; 1024]),
        is_rebuilt: false,
    };
    vec![document; kib]
}

#[tokio::test(start_paused = true)]
async fn a_page_waits_until_there_is_room_for_it() {
    let room = Room::new(1);
    let first = room.take(&page(700)).await;
    let second = timeout(Duration::from_secs(1), room.take(&page(700))).await;
    assert!(second.is_err(), "both found room");
    drop(first);
    drop(room.take(&page(700)).await);
}

#[tokio::test]
async fn a_page_that_is_larger_than_the_room_takes_all_of_it() {
    let room = Room::new(1);
    let _page = room.take(&page(5000)).await;
    assert_eq!(room.free.available_permits(), 0);
}
