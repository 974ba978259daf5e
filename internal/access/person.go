package access

import (
	"context"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Local is whom the audit names where the listener asks for no credentials, and for whoever is at the machine itself.
const Local = relay.ByLocal

// Person is who makes a request.
type Person struct {
	// Name is as the audit has it.
	Name string
	// Viewer may look and not act.
	Viewer bool
	// Session says that they logged in with a browser, and so can log out.
	Session bool
}

// Keys of what a context carries.
type (
	personKey struct{}
	clientKey struct{}
)

// WithPerson gives a context that carries who makes the request.
func WithPerson(ctx context.Context, p Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// PersonFrom is who makes the request, if that is known.
func PersonFrom(ctx context.Context) (Person, bool) {
	p, ok := ctx.Value(personKey{}).(Person)
	return p, ok
}

// WithClient gives a context that carries the address that the request came from, behind proxies that are believed.
func WithClient(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, clientKey{}, client)
}

// ClientFrom is the address that the request came from: what Guard.Login takes as client. It is empty where nobody said.
func ClientFrom(ctx context.Context) string {
	client, _ := ctx.Value(clientKey{}).(string)
	return client
}
