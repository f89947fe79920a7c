//! Processes, files, locks on the local machine; the only caller of Command.
