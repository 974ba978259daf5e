package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// renewalCheck is how often, at the most, a handshake looks whether the certificate files are new.
const renewalCheck = 5 * time.Second

// certificate serves the pair of the files, and the new one once they are renewed. A renewal that cannot be used
// leaves the old pair in force.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time
	logger            *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	seen    [sha256.Size]byte
	checked time.Time
	// trouble is what was last logged, so that a broken renewal is logged once.
	trouble string
}

func loadCertificate(o ListenOptions) (*certificate, error) {
	c := &certificate{certFile: o.CertFile, keyFile: o.KeyFile, now: o.Now, logger: o.Logger}
	if err := c.renew(); err != nil {
		return nil, err
	}
	c.checked = c.now()
	return c, nil
}

// get implements tls.Config.GetCertificate.
func (c *certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.checked) < renewalCheck {
		return c.pair, nil
	}
	c.checked = now
	before := c.pair
	err := c.renew()
	switch {
	case err == nil:
		c.trouble = ""
		if c.pair != before {
			c.logger.InfoContext(hello.Context(), "certificate renewed", "file", c.certFile)
		}
	case err.Error() != c.trouble:
		c.trouble = err.Error()
		c.logger.ErrorContext(hello.Context(), "certificate not renewed; the old one stays", "error", err)
	}
	return c.pair, nil
}

// renew reads both files and takes them over if they are new and belong together.
func (c *certificate) renew() error {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("read key of the certificate: %w", err)
	}
	seen := sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	if c.pair != nil && seen == c.seen {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.pair, c.seen = &pair, seen
	return nil
}

// tlsConfig is nil where no files are named.
func tlsConfig(o ListenOptions) (*tls.Config, error) {
	if o.CertFile == "" && o.KeyFile == "" {
		return nil, nil
	}
	if o.CertFile == "" || o.KeyFile == "" {
		return nil, errors.New("https needs both a certificate file and a key file; only one is given")
	}
	c, err := loadCertificate(o)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}
