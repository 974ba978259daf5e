package loadtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Caller makes one request after another. It is used by one goroutine.
type Caller interface {
	// Call makes the n-th request and gives the status of its answer.
	Call(ctx context.Context, n int64) (status int, err error)
	Close() error
}

// callTimeout is how long one request may take.
const callTimeout = 30 * time.Second

// Conn is a Caller over one connection that is kept open. net/http's client would cost as much as the servers that are measured; this
// one writes the bytes of a Template.
type Conn struct {
	address  string
	template *Template
	conn     net.Conn
	answers  *bufio.Reader
	request  []byte
}

// Dial connects to host:port.
func Dial(ctx context.Context, address string, template *Template) (*Conn, error) {
	c := &Conn{address: address, template: template}
	return c, c.connect(ctx)
}

func (c *Conn) connect(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: callTimeout}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn = conn
	if c.answers == nil {
		c.answers = bufio.NewReader(conn)
	}
	c.answers.Reset(conn)
	return nil
}

// Call implements Caller. A server that closes the connection after its answer is connected to again.
func (c *Conn) Call(ctx context.Context, n int64) (int, error) {
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return 0, err
		}
	}
	status, open, err := c.exchange(n)
	if err != nil || !open {
		_ = c.conn.Close() // it is done with, or broken
		c.conn = nil
	}
	return status, err
}

func (c *Conn) exchange(n int64) (status int, open bool, err error) {
	c.request = c.template.Append(c.request[:0], n)
	if err := c.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, false, err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, false, err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return 0, false, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	return answer.StatusCode, !answer.Close, err
}

// Close implements Caller.
func (c *Conn) Close() error {
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}
