package server_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

// These stand in for what is not asked.
type (
	noSwitches     interface{ server.Switches }
	noPreferences  interface{ server.Preferences }
	noSuppressions interface{ server.Suppressions }
	noPeople       interface{ server.People }
	noLevel        interface{ server.Level }
	noBulk         interface{ server.Bulk }
)

// everything is an admin listener with every route.
func everything() server.AdminOptions {
	o := healthy()
	o.Switches = struct{ noSwitches }{}
	o.Preferences = struct{ noPreferences }{}
	o.Suppressions = struct{ noSuppressions }{}
	o.People = struct{ noPeople }{}
	o.Level = struct{ noLevel }{}
	o.Bulk = struct{ noBulk }{}
	o.API = &server.API{}
	return o
}

func TestTheOpenAPIDocumentIsSound(t *testing.T) {
	t.Parallel()
	answer := ask(t, server.NewAdmin(everything()), http.MethodGet, "/console/api/openapi.yaml")
	require.Equal(t, http.StatusOK, answer.Code)
	document, err := libopenapi.NewDocument(answer.Body.Bytes())
	require.NoError(t, err)
	check, errs := validator.NewValidator(document)
	require.Empty(t, errs)
	_, faults := check.ValidateDocument()
	for _, f := range faults {
		t.Errorf("%s: %s", f.Message, f.Reason)
		for _, s := range f.SchemaValidationErrors {
			t.Errorf("  %s: %s", s.FieldPath, s.Reason)
		}
	}
}

// parameter is a part of a path as Echo writes it.
var parameter = regexp.MustCompile(`:([a-z]+)`)

func TestEveryRouteIsDescribedAndEveryDescribedRouteIsThere(t *testing.T) {
	t.Parallel()
	admin := server.NewAdmin(everything())
	router, ok := admin.(*echo.Echo)
	require.True(t, ok)
	var routes []string
	for _, r := range router.Routes() {
		if strings.HasPrefix(r.Path, "/console/api/") || strings.HasPrefix(r.Path, "/-/") {
			routes = append(routes, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	document, err := libopenapi.NewDocument(ask(t, admin, http.MethodGet, "/console/api/openapi.yaml").Body.Bytes())
	require.NoError(t, err)
	model, err := document.BuildV3Model()
	require.NoError(t, err)
	var described []string
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	require.NotEmpty(t, routes)
	require.Equal(t, routes, described)
}
