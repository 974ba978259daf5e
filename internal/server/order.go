package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// uidOf is the uid in the path.
func uidOf(c echo.Context) string { return param(c, "uid") }

// param is a part of the path. Echo hands out what stands there as it is where it is escaped in more than the usual way.
func param(c echo.Context, name string) string {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// readOrder reads a JSON object with the fields of into, and no others.
func readOrder(c echo.Context, most int64, into any, example string) error {
	body, err := readSmall(c, most)
	if err != nil {
		return err
	}
	return decodeOrder(body, into, example)
}

// mayReadOrder is readOrder where a body that is empty says enough.
func mayReadOrder(c echo.Context, most int64, into any, example string) error {
	body, err := readSmall(c, most)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	return decodeOrder(body, into, example)
}

func decodeOrder(body []byte, into any, example string) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil || decoder.More() {
		return &Refusal{
			Status: http.StatusBadRequest, Code: "bad_json", Message: fmt.Sprintf("the body must be JSON such as %s, and no other fields", example),
		}
	}
	return nil
}

// readSmall reads a body of some KiB.
func readSmall(c echo.Context, most int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, most))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, Callback{MaxBody: most}.tooLarge()
	}
	if err != nil {
		return nil, refuseBody(err)
	}
	return body, nil
}
