drop index events_for_feed;
