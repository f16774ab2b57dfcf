"""Documents keep every version, on every backend."""

from dataclasses import replace

from storage.clickhouse import ClickHouseStorage
from storage.documents import Document
from storage.memory import MemoryStorage

FIRST = Document("dashboard", "it's \\ one", 1, "text\n'ü'", "ada", 5)


def test_the_newest_version_of_each_is_read(storage: ClickHouseStorage) -> None:
    second = replace(FIRST, version=2, text="new", author="", written_ms=9)
    other = Document("dashboard", "b", 1, "B")
    storage.write_documents([FIRST, other, Document("rules", "b", 7, "R")])
    storage.write_documents([second])

    assert storage.read_documents("dashboard") == [other, second]
    assert storage.read_documents("rules") == [Document("rules", "b", 7, "R")]
    assert storage.read_documents("none") == []


def test_every_version_stays(storage: ClickHouseStorage) -> None:
    versions = [replace(FIRST, version=n, text=str(n), is_deleted=n == 2) for n in (1, 2, 3)]
    for one in versions:
        storage.write_documents([one, one])

    assert storage.read_document_versions("dashboard", FIRST.id) == versions[::-1]
    assert storage.read_document_versions("dashboard", "x") == []


def test_a_deleted_document_is_read_no_more_until_it_is_written_again(storage: ClickHouseStorage) -> None:
    storage.write_documents([FIRST, replace(FIRST, version=2, is_deleted=True)])
    assert storage.read_documents("dashboard") == []

    storage.write_documents([replace(FIRST, version=3)])
    assert storage.read_documents("dashboard") == [replace(FIRST, version=3)]


def test_memory_keeps_them_as_the_store_does(storage: ClickHouseStorage) -> None:
    memory = MemoryStorage()
    steps = [FIRST, replace(FIRST, version=2, is_deleted=True), Document("dashboard", "b", 1, "B")]

    for step in steps:
        for one in (storage, memory):
            one.write_documents([step])

        assert memory.read_documents("dashboard") == storage.read_documents("dashboard")
    assert memory.read_document_versions("dashboard", FIRST.id) == storage.read_document_versions(
        "dashboard", FIRST.id
    )
