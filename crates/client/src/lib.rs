//! What a program uses that runs under Hyperion: heartbeats, events and questions, over its run's socket.
