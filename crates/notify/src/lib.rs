//! Tells people of what happened, on their desktop or by a webhook.
