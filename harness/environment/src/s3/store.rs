//! The store that is served: s3s-fs, but for listings, which are this crate's own (see [`listing`](super::listing)).

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::listing::{self, Asked, Entry, Page};

/// What S3 gives where a client does not say how many keys it wants, and the most it gives.
const KEYS_MAX: usize = 1000;

/// A directory whose subdirectories are the buckets.
pub(super) struct Store {
    files: FileSystem,
    root: PathBuf,
}

impl Store {
    pub(super) fn open(root: PathBuf) -> Result<Store, String> {
        let files = FileSystem::new(&root).map_err(|error| format!("{error:?}"))?;
        Ok(Store { files, root })
    }

    async fn list(&self, input: &ListObjectsV2Input) -> S3Result<Page> {
        // S3 has no such buckets: the names of files that s3s-fs keeps beside them.
        if input.bucket.is_empty() || input.bucket.starts_with('.') || input.bucket.contains('/') {
            return Err(s3_error!(NoSuchBucket));
        }
        let most = input.max_keys.and_then(|most| usize::try_from(most).ok());
        let asked = Asked {
            prefix: input
                .prefix
                .as_deref()
                .unwrap_or_default()
                .trim_start_matches('/')
                .to_owned(),
            delimiter: input.delimiter.clone(),
            after: input.continuation_token.clone().max(input.start_after.clone()),
            most: most.unwrap_or(KEYS_MAX).min(KEYS_MAX),
        };
        let bucket = self.root.join(&input.bucket);
        let listed = tokio::task::spawn_blocking(move || listing::page(&bucket, &asked)).await;
        match listed.map_err(s3s::S3Error::internal_error)? {
            Ok(page) => Ok(page),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(s3_error!(NoSuchBucket)),
            Err(error) => Err(s3s::S3Error::internal_error(error)),
        }
    }
}

/// A page as S3 tells it.
fn output(page: Page, input: ListObjectsV2Input) -> ListObjectsV2Output {
    let lines = page.entries.len();
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    for entry in page.entries {
        match entry {
            Entry::Object { key, bytes, written } => contents.push(Object {
                key: Some(key),
                size: i64::try_from(bytes).ok(),
                last_modified: Some(written.into()),
                ..Object::default()
            }),
            Entry::Common(prefix) => common_prefixes.push(CommonPrefix { prefix: Some(prefix) }),
        }
    }
    ListObjectsV2Output {
        key_count: i32::try_from(lines).ok(),
        max_keys: Some(input.max_keys.unwrap_or(KEYS_MAX as i32)),
        is_truncated: Some(page.next_after.is_some()),
        contents: (!contents.is_empty()).then_some(contents),
        common_prefixes: (!common_prefixes.is_empty()).then_some(common_prefixes),
        continuation_token: input.continuation_token,
        next_continuation_token: page.next_after,
        delimiter: input.delimiter,
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        prefix: input.prefix,
        start_after: input.start_after,
        ..ListObjectsV2Output::default()
    }
}

/// The operations that go to s3s-fs as they are, and the two that do not.
macro_rules! serve {
    ($($operation:ident($input:ident) -> $output:ident;)+) => {
        #[async_trait]
        impl S3 for Store {
            $(async fn $operation(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.files.$operation(request).await
            })+

            async fn list_objects_v2(
                &self,
                request: S3Request<ListObjectsV2Input>,
            ) -> S3Result<S3Response<ListObjectsV2Output>> {
                let page = self.list(&request.input).await?;
                Ok(S3Response::new(output(page, request.input)))
            }

            async fn list_objects(
                &self,
                request: S3Request<ListObjectsInput>,
            ) -> S3Result<S3Response<ListObjectsOutput>> {
                let marker = request.input.marker.clone();
                let request = request.map_input(ListObjectsV2Input::from);
                let listed = self.list_objects_v2(request).await?;
                Ok(listed.map_output(|listed| ListObjectsOutput {
                    contents: listed.contents,
                    common_prefixes: listed.common_prefixes,
                    delimiter: listed.delimiter,
                    encoding_type: listed.encoding_type,
                    name: listed.name,
                    prefix: listed.prefix,
                    marker,
                    max_keys: listed.max_keys,
                    is_truncated: listed.is_truncated,
                    next_marker: listed.next_continuation_token,
                    ..ListObjectsOutput::default()
                }))
            }
        }
    };
}

serve! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    list_parts(ListPartsInput) -> ListPartsOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn request(bucket: &str) -> S3Request<ListObjectsV2Input> {
        S3Request {
            input: ListObjectsV2Input {
                bucket: bucket.into(),
                ..ListObjectsV2Input::default()
            },
            method: hyper::Method::GET,
            uri: hyper::Uri::from_static("/"),
            headers: hyper::HeaderMap::new(),
            extensions: hyper::http::Extensions::new(),
            credentials: None,
            region: None,
            service: None,
            trailing_headers: None,
        }
    }

    fn object(root: &Path, key: &str) {
        let path = root.join("bucket").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, key).unwrap();
    }

    /// How often threads of this name waited for another one.
    fn changes(name: &str) -> u64 {
        let mut sum = 0;
        for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
            let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            if read("comm").trim() == name {
                let status = read("status");
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
                sum += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
            }
        }
        sum
    }

    /// Each change of thread waits for a turn on a busy machine: a page of a thousand objects took ten seconds.
    #[test]
    fn a_page_costs_no_change_of_thread_per_object() {
        const OBJECTS: u64 = 500;
        let root = tempfile::tempdir().unwrap();
        for key in 0..OBJECTS {
            object(root.path(), &format!("files/{key}/1"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("listing")
            .build()
            .unwrap();
        let store = std::sync::Arc::new(Store::open(root.path().into()).unwrap());
        let list = |store: std::sync::Arc<Store>| {
            let listed = runtime.spawn(async move { store.list_objects_v2(request("bucket")).await });
            runtime.block_on(listed).unwrap().unwrap().output
        };
        list(store.clone());
        let before = changes("listing");
        let listed = list(store);
        let cost = changes("listing") - before;
        assert_eq!(listed.contents.unwrap().len() as u64, OBJECTS);
        assert!(cost < OBJECTS / 10, "{OBJECTS} objects cost {cost} changes of thread");
    }

    /// Objects and folders come and go while a bucket is listed; what stands all the while is told each time.
    #[test]
    fn a_listing_stands_what_vanishes_meanwhile() {
        let root = tempfile::tempdir().unwrap();
        for key in 0..50 {
            object(root.path(), &format!("standing/{key}"));
        }
        let store = Store::open(root.path().into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = AtomicBool::new(false);
        let listed: Vec<_> = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for key in 0..20 {
                        object(root.path(), &format!("passing/{key}/1"));
                    }
                    fs::remove_dir_all(root.path().join("bucket/passing")).unwrap();
                }
            });
            let one = || runtime.block_on(store.list_objects_v2(request("bucket")));
            let listed = (0..300).map(|_| one()).collect();
            done.store(true, Ordering::Relaxed);
            listed
        });
        for page in listed {
            let contents = page.expect("an answer").output.contents.unwrap();
            let standing = |object: &&Object| object.key.as_ref().unwrap().starts_with("standing/");
            assert_eq!(contents.iter().filter(standing).count(), 50);
        }
    }

    #[tokio::test]
    async fn what_is_no_bucket_has_no_listing() {
        let root = tempfile::tempdir().unwrap();
        object(root.path(), "key");
        let store = Store::open(root.path().into()).unwrap();
        for name in ["absent", ".", "..", ".hidden", "", "bucket/.."] {
            let error = store.list_objects_v2(request(name)).await.unwrap_err();
            assert_eq!(error.code(), &s3s::S3ErrorCode::NoSuchBucket, "{name}");
        }
        let v1 = request("bucket").map_input(|input| ListObjectsInput {
            bucket: input.bucket,
            ..ListObjectsInput::default()
        });
        let listed = store.list_objects(v1).await.unwrap().output;
        assert_eq!(listed.contents.unwrap()[0].key.as_deref(), Some("key"));
    }
}
