package engine

import (
	"github.com/beckon-relay/beckon/internal/relay"
)

// reach is a contact with the addresses on top that the event itself brings for that person; false where it brings none.
func reach(event *relay.Event, recipient relay.Recipient, contact relay.Contact) (relay.Contact, bool) {
	to := event.Reach
	if to == nil || recipient.UID == "" || to.UID != recipient.UID {
		return contact, false
	}
	if contact.UID == "" {
		contact.UID = recipient.UID
	}
	if contact.Name == "" {
		contact.Name = to.Name
	}
	if to.Phone != "" {
		contact.Phone = to.Phone
	}
	if to.Email != "" {
		contact.Email = to.Email
	}
	return contact, to.Phone != "" || to.Email != ""
}

// reached puts the addresses that the event brings on top of the directory's. Somebody whom no directory knows is reached by them
// alone; where one did not answer they wait all the same, since it may say that nothing is wanted.
func (d *decision) reached() {
	to := d.Event.Reach
	if to == nil || to.UID != d.Alert.Recipient.UID || d.Found == FoundDown {
		return
	}
	for _, field := range to.Malformed {
		d.note(d.own, "address", "left out", field+" is malformed")
	}
	contact, brings := reach(&d.Event, d.Alert.Recipient, d.Contact)
	if !brings {
		return
	}
	if d.Found == FoundNobody {
		d.note(d.own, "address", "from the event", "no directory knows the person")
	} else {
		d.note(d.own, "address", "from the event", "")
	}
	d.Contact, d.Found = contact, FoundContact
}
