package main

import (
	"context"
	"errors"

	"github.com/beckon-relay/beckon/internal/store/pgtest"
)

// server is a throwaway PostgreSQL that syncs to disk. It is started when it is first needed, and ends with the command.
func (b *bench) server(ctx context.Context) (*pgtest.Server, error) {
	if b.pg != nil {
		return b.pg, nil
	}
	s, err := pgtest.Start(ctx, pgtest.Options{Sync: true})
	b.pg = s
	return s, err
}

// database makes an empty one, and gives its URL and what removes it.
func (b *bench) database(ctx context.Context) (url string, drop func() error, err error) {
	s, err := b.server(ctx)
	if err != nil {
		return "", nil, err
	}
	name, err := s.Database(ctx)
	if err != nil {
		return "", nil, err
	}
	return s.URL(name), func() error { return s.Drop(context.WithoutCancel(ctx), name) }, nil
}

func (b *bench) close() error {
	var err error
	if b.pg != nil {
		err = b.pg.Close()
	}
	return errors.Join(err, b.lab.Close())
}
