package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// innard is one benchmark of a package, summed up over its runs.
type innard struct {
	// Name has the last part of the package's path before it.
	Name string `json:"name"`
	// Seconds, Bytes and Allocations are per operation.
	Seconds     float64 `json:"seconds"`
	Bytes       float64 `json:"bytes"`
	Allocations float64 `json:"allocations"`
	// Wobble is half of the interval that Seconds lies in with 95 %, such as "2%".
	Wobble string `json:"wobble"`
}

// Micro is its time in microseconds.
func (i innard) Micro() string { return number(i.Seconds * 1e6) }

// readBenchstat reads the CSV of benchstat: for each package a table for each unit, with a row for each benchmark.
func readBenchstat(in io.Reader) ([]innard, error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord, rows.LazyQuotes = -1, true
	var all []innard
	pkg, unit := "", ""
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what benchstat says: %w", err)
		}
		switch {
		case len(row) == 1:
			if name, found := strings.CutPrefix(row[0], "pkg: "); found {
				pkg = path.Base(name)
			}
		case len(row) < 3 || row[0] == "geomean":
		case row[0] == "":
			unit = row[1]
		default:
			value, err := strconv.ParseFloat(row[1], 64)
			if err != nil {
				return nil, fmt.Errorf("read what benchstat says of %s: %w", row[0], err)
			}
			all = noted(all, pkg+": "+withoutCores(row[0]), unit, value, row[2])
		}
	}
}

// withoutCores takes the number of cores off a benchmark's name.
func withoutCores(name string) string {
	i := strings.LastIndexByte(name, '-')
	if _, err := strconv.Atoi(name[i+1:]); i < 0 || err != nil {
		return name
	}
	return name[:i]
}

func noted(all []innard, name, unit string, value float64, wobble string) []innard {
	i := slices.IndexFunc(all, func(x innard) bool { return x.Name == name })
	if i < 0 {
		all, i = append(all, innard{Name: name}), len(all)
	}
	switch unit {
	case "sec/op":
		all[i].Seconds, all[i].Wobble = value, wobble
	case "B/op":
		all[i].Bytes = value
	case "allocs/op":
		all[i].Allocations = value
	}
	return all
}
