/* SPDX-License-Identifier: Apache-2.0 */
/* Files that include files: what is read, in which order, and which file a mistake is laid to. */
#include "settings_rig.h"

#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 100

/* The rig's file is replaced by one in a folder of its own. */
static struct {
    char folder[32];
    char names[FILES_MAX][32];
    size_t count;
} site;

static int setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    memset(&site, 0, sizeof(site));
    pl_settings_schema_init(&rig.schema, &settings_rig_modules);
    snprintf(site.folder, sizeof(site.folder), "/tmp/include_test.XXXXXX");
    return mkdtemp(site.folder) == NULL ? -1 : 0;
}

static void name_file(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", site.folder, name);
}

static int teardown(void **state)
{
    char path[128];

    (void)state;
    for (size_t i = site.count; i-- > 0;) {
        name_file(site.names[i], path, sizeof(path));
        (void)remove(path);
    }
    pl_settings_free(rig.schema.rows, &rig.settings, &settings_rig_modules);
    return rmdir(site.folder);
}

static void note(const char *name, char *path, size_t size)
{
    assert_true(site.count < FILES_MAX);
    snprintf(site.names[site.count++], sizeof(site.names[0]), "%s", name);
    name_file(name, path, size);
}

static void add_folder(const char *name)
{
    char path[128];

    note(name, path, sizeof(path));
    assert_int_equal(mkdir(path, 0700), 0);
}

static void add(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    note(name, path, sizeof(path));
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int read_main(void)
{
    int err;

    name_file("main.yaml", rig.path, sizeof(rig.path));
    assert_int_equal(pl_settings_fill(rig.schema.rows, &rig.settings), 0);
    err = pl_settings_read(&rig.schema, rig.path, &rig.settings, &rig.error);
    return err < 0 ? err : pl_settings_check(&rig.settings, &rig.schema, rig.path, &rig.error);
}

static void read_good(void)
{
    if (read_main() != 0)
        fail_msg("%s", rig.error.message);
}

/* `expected`: of the message, without the folder, which stands in front of each file's name. */
static void read_bad(const char *expected, int exit_code)
{
    char plain[PL_ERROR_BYTES] = "";
    const char *at = rig.error.message;
    size_t folder = strlen(site.folder), used = 0;

    assert_true(read_main() < 0);
    for (; *at != '\0'; at++) {
        if (strncmp(at, site.folder, folder) == 0)
            at += folder + 1;
        plain[used++] = *at;
    }
    assert_string_equal(plain, expected);
    assert_int_equal(rig.error.exit_code, exit_code);
}

static const struct pl_service_settings *service(uint32_t index)
{
    assert_true(index < rig.settings.services.count);
    return &((const struct pl_service_settings *)rig.settings.services.items)[index];
}

#define SERVICE(name) "services: [ { name: " name ", listen: [ '127.0.0.1:0' ] } ]\n"

static void files_are_read_in_the_order_of_their_names(void **state)
{
    (void)state;
    add_folder("conf.d");
    add("conf.d/b.yaml", SERVICE("b"));
    add("conf.d/a.yaml", SERVICE("a") "log: { level: debug }\n");
    add("conf.d/c.yml", "not: read\n");
    add("conf.d/.hidden.yaml", "not: read\n");
    add("main.yaml", SERVICE("main") "include: conf.d/*.yaml\nlog: { format: json }\n");
    read_good();
    assert_int_equal(rig.settings.services.count, 3);
    assert_string_equal(service(0)->name, "main");
    assert_string_equal(service(1)->name, "a");
    assert_string_equal(service(2)->name, "b");
    assert_int_equal(rig.settings.log.level, 3);
    assert_int_equal(rig.settings.log.format, 1);
    assert_int_equal(rig.settings.files.count, 3);
}

static void a_list_of_paths_is_followed_and_files_include_files(void **state)
{
    (void)state;
    add_folder("d");
    add_folder("d/e");
    add("one.yaml", SERVICE("one"));
    add("d/two.yaml", SERVICE("two") "include: e/three.yaml\n");
    add("d/e/three.yaml", SERVICE("three") "timeouts: { idle: 7s }\n");
    add("main.yaml", "include: [ one.yaml, d/*.yaml ]\ntimeouts: { body: 8s }\n");
    read_good();
    assert_int_equal(rig.settings.services.count, 3);
    assert_string_equal(service(2)->name, "three");
    assert_true(rig.settings.timeouts.idle_us == 7000000);
    assert_true(rig.settings.timeouts.body_us == 8000000);
}

static void a_pattern_may_match_nothing_and_a_file_may_be_empty(void **state)
{
    (void)state;
    add("empty.yaml", "# nothing yet\n");
    add("main.yaml", SERVICE("main") "include: [ none.d/*.yaml, '*.yml', empty.yaml ]\n");
    read_good();
    assert_int_equal(rig.settings.services.count, 1);
}

static void paths_are_relative_to_the_file_that_says_them(void **state)
{
    char folder[160];

    (void)state;
    add_folder("d");
    add("d/site.yaml", "services: [ { protocol: http, listen: [ '127.0.0.1:0' ],"
                       " http: { root: www } } ]\ntimeline: { entries: 1, file: out }\n");
    add("main.yaml", "include: d/site.yaml\n");
    read_good();
    snprintf(folder, sizeof(folder), "%s/d/out", site.folder);
    assert_string_equal(rig.settings.timeline.file, folder);
    snprintf(folder, sizeof(folder), "%s/d/www", site.folder);
    assert_string_equal(*(char *const *)service(0)->module, folder);
}

static void an_alias_means_what_stands_in_its_own_file(void **state)
{
    (void)state;
    add("more.yaml", "dispatch: { threads: 4 }\n");
    add("main.yaml", "dispatch: &d { model: reactor }\nservices:\n"
                     "  - { listen: [ '127.0.0.1:0' ], dispatch: *d }\n"
                     "include: more.yaml\n");
    read_good();
    assert_int_equal(rig.settings.dispatch.threads, 4);
    /* Its unset keys are those of the outer group, which now has threads. */
    assert_int_equal(service(0)->dispatch.threads, 4);
    assert_true(service(0)->has_dispatch);
}

static void a_list_item_knows_its_file(void **state)
{
    (void)state;
    add("a.yaml", "# a line\nservices:\n  - { name: a, listen: [] }\n");
    add("main.yaml", "include: a.yaml\n");
    read_bad("a.yaml:3:5: services[0] (a): no `listen`; expected a list of addresses such as "
             "[ \"127.0.0.1:7007\" ]",
             EX_CONFIG);
}

static void a_value_that_two_files_give_is_refused_with_both_places(void **state)
{
    (void)state;
    add("a.yaml", "\ntimeouts:\n  idle: 2s\n");
    add("main.yaml", SERVICE("main") "timeouts: { body: 1s, idle: 1s }\ninclude: a.yaml\n");
    read_bad("a.yaml:3:3: 'idle' stands twice; the first is main.yaml:2:23", EX_CONFIG);
}

static void two_included_files_are_compared_too(void **state)
{
    (void)state;
    add("a.yaml", "log: { level: info }\n");
    add("b.yaml", "log: { level: debug }\n");
    add("main.yaml", SERVICE("main") "include: '[ab].yaml'\n");
    read_bad("b.yaml:1:8: 'level' stands twice; the first is a.yaml:1:8", EX_CONFIG);
}

static void a_key_that_stands_twice_in_one_included_file_is_refused(void **state)
{
    (void)state;
    add("a.yaml", "log: { level: info }\nlog: { format: text }\n");
    add("main.yaml", SERVICE("main") "log: {}\ninclude: a.yaml\n");
    read_bad("a.yaml:2:1: 'log' stands twice; the first is a.yaml:1:1", EX_CONFIG);
}

static void a_list_and_a_group_do_not_merge(void **state)
{
    (void)state;
    add("a.yaml", "services: { name: x }\n");
    add("main.yaml", SERVICE("main") "include: a.yaml\n");
    read_bad("a.yaml:1:1: 'services' stands twice; the first is main.yaml:1:1", EX_CONFIG);
}

static void mistakes_name_the_included_file(void **state)
{
    (void)state;
    add("a.yaml", "\nlimits: { mesage: 2KiB }\n");
    add("main.yaml", SERVICE("main") "include: a.yaml\n");
    read_bad("a.yaml:2:11: unknown key 'mesage' (did you mean 'message'?)", EX_CONFIG);
}

static void what_is_no_yaml_is_named(void **state)
{
    (void)state;
    add("a.yaml", "log: {\n");
    add("main.yaml", SERVICE("main") "include: a.yaml\n");
    assert_true(read_main() < 0);
    assert_non_null(strstr(rig.error.message, "/a.yaml:2:1: not YAML"));
}

static void a_list_is_no_included_file(void **state)
{
    (void)state;
    add("a.yaml", "- x\n");
    add("main.yaml", SERVICE("main") "include: a.yaml\n");
    read_bad("a.yaml:1:1: expected keys such as 'services:'", EX_CONFIG);
}

static void a_missing_file_is_laid_to_whoever_asked(void **state)
{
    (void)state;
    add("main.yaml", SERVICE("main") "include: gone.yaml\n");
    read_bad("main.yaml:2:10: include: gone.yaml: cannot be read: No such file or directory",
             EX_NOINPUT);
}

static void a_file_that_includes_itself_is_refused(void **state)
{
    (void)state;
    add("main.yaml", SERVICE("main") "include: '*.yaml'\n");
    read_bad("main.yaml:2:10: include: main.yaml is read already, as main.yaml", EX_CONFIG);
}

static void a_cycle_of_two_is_refused(void **state)
{
    (void)state;
    add_folder("d");
    add("d/a.yaml", "include: ../b.yaml\n");
    add("b.yaml", "include: d/../d/a.yaml\n");
    add("main.yaml", SERVICE("main") "include: b.yaml\n");
    read_bad("d/../d/a.yaml:1:10: include: d/../d/../b.yaml is read already, as b.yaml", EX_CONFIG);
}

static void an_include_that_is_no_path_is_refused(void **state)
{
    (void)state;
    add("main.yaml", SERVICE("main") "include: { a: b }\n");
    read_bad("main.yaml:2:10: 'include': expected a path such as conf.d/*.yaml", EX_CONFIG);
}

static void an_include_below_the_root_is_refused(void **state)
{
    (void)state;
    add("main.yaml", SERVICE("main") "log: { include: x.yaml }\n");
    read_bad("main.yaml:2:8: unknown key 'include'; expected level, format", EX_CONFIG);
}

static void more_files_than_the_bound_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i <= PL_INCLUDE_FILES_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "x%02d.yaml", i);
        add(name, "");
    }
    add("main.yaml", SERVICE("main") "include: x*.yaml\n");
    read_bad("main.yaml:2:10: include: more than 64 files", EX_CONFIG);
}

static void a_chain_deeper_than_the_bound_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < PL_INCLUDE_DEPTH_MAX; i++) {
        char name[32], text[32];

        snprintf(name, sizeof(name), "x%d.yaml", i);
        snprintf(text, sizeof(text), "include: x%d.yaml\n", i + 1);
        add(name, text);
    }
    add("x8.yaml", "");
    add("main.yaml", SERVICE("main") "include: x0.yaml\n");
    read_bad("x7.yaml:1:1: files that include files, deeper than 8", EX_CONFIG);
}

static void files_together_have_the_bound_of_one(void **state)
{
    char *text = malloc(PL_YAML_BYTES_MAX);

    (void)state;
    assert_non_null(text);
    memset(text, '#', PL_YAML_BYTES_MAX);
    text[PL_YAML_BYTES_MAX - 1] = '\0';
    add("a.yaml", text);
    free(text);
    add("main.yaml", SERVICE("main") "include: a.yaml\n");
    read_bad("a.yaml: it and the files before it are larger than 1048576 bytes", EX_CONFIG);
}

static void aliases_that_lead_back_end(void **state)
{
    (void)state;
    add("a.yaml", "log: &l { level: *l, format: *l }\n");
    add("main.yaml", SERVICE("main") "log: &l { level: *l, format: *l }\ninclude: a.yaml\n");
    assert_true(read_main() < 0);
    assert_int_equal(rig.error.exit_code, EX_CONFIG);
}

#define INCLUDE_CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        INCLUDE_CASE(files_are_read_in_the_order_of_their_names),
        INCLUDE_CASE(a_list_of_paths_is_followed_and_files_include_files),
        INCLUDE_CASE(a_pattern_may_match_nothing_and_a_file_may_be_empty),
        INCLUDE_CASE(paths_are_relative_to_the_file_that_says_them),
        INCLUDE_CASE(an_alias_means_what_stands_in_its_own_file),
        INCLUDE_CASE(a_list_item_knows_its_file),
        INCLUDE_CASE(a_value_that_two_files_give_is_refused_with_both_places),
        INCLUDE_CASE(two_included_files_are_compared_too),
        INCLUDE_CASE(a_key_that_stands_twice_in_one_included_file_is_refused),
        INCLUDE_CASE(a_list_and_a_group_do_not_merge),
        INCLUDE_CASE(mistakes_name_the_included_file),
        INCLUDE_CASE(what_is_no_yaml_is_named),
        INCLUDE_CASE(a_list_is_no_included_file),
        INCLUDE_CASE(a_missing_file_is_laid_to_whoever_asked),
        INCLUDE_CASE(a_file_that_includes_itself_is_refused),
        INCLUDE_CASE(a_cycle_of_two_is_refused),
        INCLUDE_CASE(an_include_that_is_no_path_is_refused),
        INCLUDE_CASE(an_include_below_the_root_is_refused),
        INCLUDE_CASE(more_files_than_the_bound_are_refused),
        INCLUDE_CASE(a_chain_deeper_than_the_bound_is_refused),
        INCLUDE_CASE(files_together_have_the_bound_of_one),
        INCLUDE_CASE(aliases_that_lead_back_end),
    };

    return cmocka_run_group_tests_name("settings_include", cases, NULL, NULL);
}
